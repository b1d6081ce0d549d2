-- compatible-with: 0000_core
CREATE TABLE "registration_refusals" (
	"kind" text NOT NULL,
	"value" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "registration_refusals_kind_value_pk" PRIMARY KEY("kind","value")
);
--> statement-breakpoint
CREATE TABLE "registration_tokens" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"uses_left" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "client_head" ADD COLUMN "registrations" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "is_self_registered" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "registration_tokens_expires_at_index" ON "registration_tokens" USING btree ("expires_at");
--> statement-breakpoint
-- Rows that a rollback of this migration has left: what was disabled or deleted stays so.
UPDATE "clients" SET "is_self_registered" = true WHERE "metadata" LIKE '{"registered":%';
--> statement-breakpoint
UPDATE "client_head" SET "registrations" = (SELECT count(*) FROM "clients" WHERE "is_self_registered");
