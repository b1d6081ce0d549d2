DELETE FROM "deliveries" WHERE "kind" = 'event';
--> statement-breakpoint
DROP TABLE "event_webhook";
--> statement-breakpoint
DROP TABLE "activity";
--> statement-breakpoint
DROP TABLE "event_head";
--> statement-breakpoint
DROP TABLE "event_places";
--> statement-breakpoint
DROP TABLE "events";
--> statement-breakpoint
DROP TABLE "unplaced_events";
--> statement-breakpoint
DROP INDEX "refresh_families_client_id_id_index";
--> statement-breakpoint
DROP INDEX "refresh_families_user_id_id_index";
--> statement-breakpoint
DROP INDEX "users_email_prefix_index";
--> statement-breakpoint
DROP INDEX "users_disabled_index";
--> statement-breakpoint
DROP INDEX "users_administrative_index";
--> statement-breakpoint
DROP INDEX "deliveries_user_id_number_index";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "users" DROP COLUMN "epoch_raised_at";
--> statement-breakpoint
ALTER TABLE "authorization_codes" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "device_authorizations" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "clients" DROP COLUMN "former_secret_digest";
--> statement-breakpoint
ALTER TABLE "clients" DROP COLUMN "former_secret_expires_at";
--> statement-breakpoint
ALTER TABLE "clients" DROP COLUMN "secret_used_at";
--> statement-breakpoint
ALTER TABLE "clients" DROP COLUMN "former_secret_used_at";
--> statement-breakpoint
ALTER TABLE "deliveries" DROP COLUMN "number";
