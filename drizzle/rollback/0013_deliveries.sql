DROP TABLE "deliveries";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "logout_notice";
