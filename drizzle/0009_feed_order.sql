-- compatible-with: 0000_core
CREATE TABLE "feed_head" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL,
	"tag" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "feed_positions" (
	"number" bigint PRIMARY KEY NOT NULL,
	"tag" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
-- What is there already belongs to the head, which begins at 0: a million rows without a number would keep the feed away.
ALTER TABLE "revocations" ADD COLUMN "number" bigint DEFAULT 0;--> statement-breakpoint
ALTER TABLE "revocations" ALTER COLUMN "number" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "numbered_until" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "feed_positions_expires_at_index" ON "feed_positions" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "revocations_number_index" ON "revocations" USING btree ("number");--> statement-breakpoint
CREATE INDEX "revocations_unnumbered_index" ON "revocations" USING btree ("revoked_at") WHERE number is null or numbered_until is distinct from issued_until;--> statement-breakpoint
INSERT INTO "feed_head" ("number", "tag") VALUES (0, gen_random_uuid());