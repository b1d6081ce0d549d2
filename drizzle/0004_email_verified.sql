-- compatible-with: 0000_core
ALTER TABLE "users" ADD COLUMN "email_verified_at" timestamp with time zone;