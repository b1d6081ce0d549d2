DROP TABLE "spent_proofs";
--> statement-breakpoint
ALTER TABLE "authorization_codes" DROP COLUMN "dpop_jkt";
