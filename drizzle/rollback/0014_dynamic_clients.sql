ALTER TABLE "refresh_families" DROP COLUMN "rotation_times";
--> statement-breakpoint
ALTER TABLE "consents" DROP COLUMN "document_parts";
