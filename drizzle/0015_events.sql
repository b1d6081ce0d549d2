-- compatible-with: 0000_core
CREATE TABLE "event_webhook" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "activity" (
	"span" text NOT NULL,
	"begins_at" timestamp with time zone NOT NULL,
	"instance" uuid NOT NULL,
	"measure" text NOT NULL,
	"label" text NOT NULL,
	"count" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "activity_span_begins_at_instance_measure_label_pk" PRIMARY KEY("span","begins_at","instance","measure","label")
);
--> statement-breakpoint
CREATE TABLE "event_head" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "event_places" (
	"number" bigint PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"event_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" (
	"user_id" uuid DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL,
	"id" uuid DEFAULT (overlay(lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0) || right(gen_random_uuid()::text, 17))::uuid NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"kind" text NOT NULL,
	"outcome" text DEFAULT 'succeeded' NOT NULL,
	"reason" text,
	"actor" text,
	"client_id" text,
	"sid" uuid,
	"jti" text,
	"ip" text,
	"request_id" text,
	"count" integer DEFAULT 1 NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "events_user_id_id_pk" PRIMARY KEY("user_id","id")
) PARTITION BY RANGE ("id");
--> statement-breakpoint
CREATE TABLE "events_default" PARTITION OF "events" DEFAULT;
--> statement-breakpoint
CREATE TABLE "unplaced_events" (
	"id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	CONSTRAINT "unplaced_events_id_user_id_pk" PRIMARY KEY("id","user_id")
);
--> statement-breakpoint
ALTER TABLE "refresh_families" ADD COLUMN "claims" jsonb;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "epoch_raised_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "authorization_codes" ADD COLUMN "claims" jsonb;--> statement-breakpoint
ALTER TABLE "device_authorizations" ADD COLUMN "claims" jsonb;--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "former_secret_digest" "bytea";--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "former_secret_expires_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "secret_used_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "former_secret_used_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "number" bigint;--> statement-breakpoint
CREATE INDEX "activity_expires_at_index" ON "activity" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "events_id_index" ON "events" USING btree ("id");--> statement-breakpoint
CREATE INDEX "events_kind_index" ON "events" USING btree ("kind","id");--> statement-breakpoint
CREATE INDEX "events_actor_index" ON "events" USING btree ("actor","id") WHERE actor is not null;--> statement-breakpoint
CREATE INDEX "events_client_id_index" ON "events" USING btree ("client_id","id") WHERE client_id is not null;--> statement-breakpoint
CREATE INDEX "events_sid_index" ON "events" USING btree ("sid","id") WHERE sid is not null;--> statement-breakpoint
CREATE INDEX "events_jti_index" ON "events" USING btree ("jti","id") WHERE jti is not null;--> statement-breakpoint
CREATE INDEX "events_ip_index" ON "events" USING btree ("ip","id") WHERE ip is not null;--> statement-breakpoint
CREATE INDEX "events_request_id_index" ON "events" USING btree ("request_id","id") WHERE request_id is not null;--> statement-breakpoint
CREATE INDEX "refresh_families_client_id_id_index" ON "refresh_families" USING btree ("client_id","id");--> statement-breakpoint
CREATE INDEX "refresh_families_user_id_id_index" ON "refresh_families" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "users_email_prefix_index" ON "users" USING btree ("email" collate "C");--> statement-breakpoint
CREATE INDEX "users_disabled_index" ON "users" USING btree ("id") WHERE disabled_at is not null;--> statement-breakpoint
CREATE INDEX "users_administrative_index" ON "users" USING btree ("id") WHERE roles && '{signet:admin,signet:viewer}'::text[];--> statement-breakpoint
CREATE INDEX "deliveries_user_id_number_index" ON "deliveries" USING btree ("user_id","number") WHERE number is not null;
--> statement-breakpoint
INSERT INTO "event_head" ("number") VALUES (0);
