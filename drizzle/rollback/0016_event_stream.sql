DELETE FROM "deliveries" WHERE "kind" = 'event';
--> statement-breakpoint
DROP INDEX "deliveries_user_id_number_index";
--> statement-breakpoint
ALTER TABLE "deliveries" DROP COLUMN "number";
--> statement-breakpoint
DROP TABLE "event_webhook";
--> statement-breakpoint
ALTER TABLE "events" ALTER COLUMN "id" SET DEFAULT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
