DROP TABLE "import_batches";--> statement-breakpoint
ALTER TABLE "users" DROP COLUMN "email_verified_at";
