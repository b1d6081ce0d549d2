-- compatible-with: 0000_core
CREATE TABLE "spent_proofs" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "authorization_codes" ADD COLUMN "dpop_jkt" text;--> statement-breakpoint
CREATE INDEX "spent_proofs_expires_at_index" ON "spent_proofs" USING btree ("expires_at");