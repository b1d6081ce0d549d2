-- compatible-with: 0000_core
CREATE TABLE "status_entries" (
	"idx" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "status_entries_idx_seq" INCREMENT BY 1 MINVALUE 0 MAXVALUE 9223372036854775807 START WITH 0 CACHE 1),
	"jti" uuid NOT NULL,
	"sid" uuid,
	"sub" text NOT NULL,
	"client_id" text NOT NULL,
	"issued_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "status_entries_expires_at_index" ON "status_entries" USING btree ("expires_at");