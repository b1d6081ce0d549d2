-- compatible-with: 0000_core
ALTER TABLE "email_links" ADD COLUMN "seed" "bytea";--> statement-breakpoint
ALTER TABLE "email_links" ADD COLUMN "pepper_id" smallint;--> statement-breakpoint
ALTER TABLE "email_links" ADD COLUMN "binding" "bytea";--> statement-breakpoint
ALTER TABLE "email_links" ADD COLUMN "bound_digest" "bytea";--> statement-breakpoint
ALTER TABLE "email_links" ADD COLUMN "previous_digest" "bytea";--> statement-breakpoint
ALTER TABLE "email_links" ADD COLUMN "previous_expires_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "device_epoch" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "recovery_codes" ADD COLUMN "set_number" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "recovery_codes" ADD COLUMN "renewed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "totp_factors" ADD COLUMN "failures" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "totp_factors" ADD COLUMN "known_failures" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "email_links_previous_digest_index" ON "email_links" USING btree ("previous_digest");