DROP TABLE "client_logos";
--> statement-breakpoint
DROP TABLE "client_changes";
--> statement-breakpoint
DROP TABLE "client_head";
--> statement-breakpoint
DROP TABLE "clients";
--> statement-breakpoint
ALTER TABLE "consents" DROP COLUMN "declined";
