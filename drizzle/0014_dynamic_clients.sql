-- compatible-with: 0000_core
ALTER TABLE "refresh_families" ADD COLUMN "rotation_times" timestamp with time zone[];--> statement-breakpoint
ALTER TABLE "consents" ADD COLUMN "document_parts" "bytea";