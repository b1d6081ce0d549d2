-- compatible-with: 0000_core
CREATE TABLE "client_logos" (
	"uri_digest" "bytea" PRIMARY KEY NOT NULL,
	"digest" "bytea",
	"image" "bytea",
	"due_at" timestamp with time zone NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "consents" ADD COLUMN "declined" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
CREATE INDEX "client_logos_digest_index" ON "client_logos" USING btree ("digest");--> statement-breakpoint
CREATE INDEX "client_logos_expires_at_index" ON "client_logos" USING btree ("expires_at");