DROP TABLE "invitations";
--> statement-breakpoint
ALTER TABLE "import_batches" DROP COLUMN "external_id_taken";
