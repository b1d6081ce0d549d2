DROP INDEX "email_links_previous_digest_index";
--> statement-breakpoint
ALTER TABLE "email_links" DROP COLUMN "seed", DROP COLUMN "pepper_id", DROP COLUMN "binding", DROP COLUMN "bound_digest", DROP COLUMN "previous_digest", DROP COLUMN "previous_expires_at";
--> statement-breakpoint
ALTER TABLE "users" DROP COLUMN "device_epoch";
--> statement-breakpoint
ALTER TABLE "recovery_codes" DROP COLUMN "set_number", DROP COLUMN "renewed_at";
--> statement-breakpoint
ALTER TABLE "totp_factors" DROP COLUMN "failures", DROP COLUMN "known_failures";
