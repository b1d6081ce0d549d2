-- compatible-with: 0000_core
ALTER TABLE "events" ALTER COLUMN "id" SET DEFAULT (overlay(lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0) || right(gen_random_uuid()::text, 17))::uuid;
