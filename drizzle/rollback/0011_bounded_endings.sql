DROP TABLE "unfinished_endings";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "tokens_revoked", DROP COLUMN "tokens_revoked_since";
