DROP TABLE "client_logos";
--> statement-breakpoint
ALTER TABLE "consents" DROP COLUMN "declined";
