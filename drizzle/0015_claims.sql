-- compatible-with: 0000_core
ALTER TABLE "refresh_families" ADD COLUMN "claims" jsonb;--> statement-breakpoint
ALTER TABLE "authorization_codes" ADD COLUMN "claims" jsonb;--> statement-breakpoint
ALTER TABLE "device_authorizations" ADD COLUMN "claims" jsonb;
