-- compatible-with: 0000_core
ALTER TABLE "users" ADD COLUMN "epoch_raised_at" timestamp with time zone;
