ALTER TABLE "users" DROP COLUMN "epoch_raised_at";
