-- compatible-with: 0000_core
CREATE TABLE "client_logos" (
	"uri_digest" "bytea" PRIMARY KEY NOT NULL,
	"digest" "bytea",
	"image" "bytea",
	"due_at" timestamp with time zone NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "device_authorizations" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"user_code" text NOT NULL,
	"client_id" text NOT NULL,
	"scope" text NOT NULL,
	"audience" text[] NOT NULL,
	"ip" text NOT NULL,
	"user_agent" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"polled_at" timestamp with time zone,
	"interval_seconds" integer NOT NULL,
	"is_allowed" boolean,
	"credential_epoch" integer,
	"auth_time" timestamp with time zone,
	"amr" text[],
	"user_id" uuid,
	"consent_version" integer,
	"is_refreshable" boolean,
	"spent_at" timestamp with time zone,
	"retry_proof" "bytea",
	"family_id" uuid,
	CONSTRAINT "device_authorizations_user_code_unique" UNIQUE("user_code")
);
--> statement-breakpoint
CREATE TABLE "client_changes" (
	"number" bigint PRIMARY KEY NOT NULL,
	"tag" uuid NOT NULL,
	"previous_tag" uuid NOT NULL,
	"client_id" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "client_head" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"number" bigint NOT NULL,
	"tag" uuid NOT NULL,
	"previous_tag" uuid NOT NULL,
	"clients" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clients" (
	"client_id" text PRIMARY KEY NOT NULL,
	"metadata" text NOT NULL,
	"client_secret_digest" "bytea",
	"version" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"disabled_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "spent_proofs" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invitations" (
	"email" text PRIMARY KEY NOT NULL,
	"digest" "bytea" NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "invitations_digest_unique" UNIQUE("digest")
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"user_id" uuid NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"kind" text NOT NULL,
	"receiver" text NOT NULL,
	"sid" uuid,
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "deliveries_user_id_id_pk" PRIMARY KEY("user_id","id")
);
--> statement-breakpoint
ALTER TABLE "import_batches" ADD COLUMN "external_id_taken" integer[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "refresh_families" ADD COLUMN "logout_notice" text;--> statement-breakpoint
ALTER TABLE "authorization_codes" ADD COLUMN "dpop_jkt" text;--> statement-breakpoint
ALTER TABLE "consents" ADD COLUMN "declined" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "consents" ADD COLUMN "document_digest" "bytea";--> statement-breakpoint
ALTER TABLE "device_authorizations" ADD CONSTRAINT "device_authorizations_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "client_logos_digest_index" ON "client_logos" USING btree ("digest");--> statement-breakpoint
CREATE INDEX "client_logos_expires_at_index" ON "client_logos" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "device_authorizations_user_id_index" ON "device_authorizations" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "device_authorizations_expires_at_index" ON "device_authorizations" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "client_changes_expires_at_index" ON "client_changes" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "spent_proofs_expires_at_index" ON "spent_proofs" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "invitations_expires_at_index" ON "invitations" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "deliveries_receiver_index" ON "deliveries" USING btree ("kind","receiver","due_at");--> statement-breakpoint
CREATE INDEX "deliveries_expires_at_index" ON "deliveries" USING btree ("expires_at");--> statement-breakpoint
INSERT INTO "client_head" ("number", "tag", "previous_tag", "clients") VALUES (0, gen_random_uuid(), gen_random_uuid(), 0);
