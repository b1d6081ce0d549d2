-- compatible-with: 0000_core
CREATE TABLE "event_webhook" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "events" ALTER COLUMN "id" SET DEFAULT (overlay(lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0) || right(gen_random_uuid()::text, 17))::uuid;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "number" bigint;--> statement-breakpoint
CREATE INDEX "deliveries_user_id_number_index" ON "deliveries" USING btree ("user_id","number") WHERE number is not null;