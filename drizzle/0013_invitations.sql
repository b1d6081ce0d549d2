-- compatible-with: 0000_core
CREATE TABLE "invitations" (
	"email" text PRIMARY KEY NOT NULL,
	"digest" "bytea" NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "invitations_digest_unique" UNIQUE("digest")
);
--> statement-breakpoint
ALTER TABLE "import_batches" ADD COLUMN "external_id_taken" integer[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
CREATE INDEX "invitations_expires_at_index" ON "invitations" USING btree ("expires_at");