-- compatible-with: 0000_core
CREATE TABLE "import_batches" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"created" integer NOT NULL,
	"email_taken" integer[] NOT NULL,
	"id_taken" integer[] NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "email_verified_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "import_batches_expires_at_index" ON "import_batches" USING btree ("expires_at");