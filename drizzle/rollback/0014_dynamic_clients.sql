ALTER TABLE "refresh_families" DROP COLUMN "rotation_times";
