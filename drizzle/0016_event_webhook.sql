-- compatible-with: 0000_core
CREATE TABLE "event_webhook" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "number" bigint;--> statement-breakpoint
CREATE INDEX "deliveries_user_id_number_index" ON "deliveries" USING btree ("user_id","number") WHERE number is not null;