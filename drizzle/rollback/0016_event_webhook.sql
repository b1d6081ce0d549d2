DELETE FROM "deliveries" WHERE "kind" = 'event';
--> statement-breakpoint
DROP INDEX "deliveries_user_id_number_index";
--> statement-breakpoint
ALTER TABLE "deliveries" DROP COLUMN "number";
--> statement-breakpoint
DROP TABLE "event_webhook";
