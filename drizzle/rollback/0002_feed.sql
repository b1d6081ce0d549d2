DELETE FROM "revocations" WHERE "kind" NOT IN ('jti', 'sid');
--> statement-breakpoint
ALTER TABLE "revocations" DROP COLUMN "transaction_id";
--> statement-breakpoint
ALTER TABLE "revocations" DROP COLUMN "issued_until";
