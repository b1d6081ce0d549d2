ALTER TABLE "revocations" DROP COLUMN "numbered_until";
--> statement-breakpoint
ALTER TABLE "revocations" DROP COLUMN "number";
--> statement-breakpoint
DROP TABLE "feed_positions";
--> statement-breakpoint
DROP TABLE "feed_head";
