ALTER TABLE "refresh_families" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "authorization_codes" DROP COLUMN "claims";
--> statement-breakpoint
ALTER TABLE "device_authorizations" DROP COLUMN "claims";
