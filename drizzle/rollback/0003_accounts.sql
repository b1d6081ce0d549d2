ALTER TABLE "refresh_families" DROP COLUMN "refresh_transport";
