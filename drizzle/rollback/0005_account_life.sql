DROP TABLE "import_batches";
ALTER TABLE "users" DROP COLUMN "email_verified_at";
