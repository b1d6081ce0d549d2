DROP TABLE "authorization_codes";
--> statement-breakpoint
DROP TABLE "browser_sessions";
--> statement-breakpoint
DROP TABLE "consents";
--> statement-breakpoint
DROP TABLE "pushed_requests";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "session_id";
--> statement-breakpoint
ALTER TABLE "users" DROP COLUMN "name", DROP COLUMN "given_name", DROP COLUMN "family_name", DROP COLUMN "preferred_username", DROP COLUMN "picture", DROP COLUMN "locale", DROP COLUMN "zoneinfo", DROP COLUMN "profile_updated_at", DROP COLUMN "external_id";
