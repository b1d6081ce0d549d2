DROP TABLE "event_head";
--> statement-breakpoint
DROP TABLE "event_places";
--> statement-breakpoint
DROP TABLE "events";
--> statement-breakpoint
DROP TABLE "unplaced_events";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "users" DROP COLUMN "epoch_raised_at";
--> statement-breakpoint
ALTER TABLE "authorization_codes" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "device_authorizations" DROP COLUMN "claims";
