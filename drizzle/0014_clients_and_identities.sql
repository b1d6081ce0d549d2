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
CREATE TABLE "upstream_identities" (
	"user_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"email" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "upstream_identities_user_id_id_pk" PRIMARY KEY("user_id","id"),
	CONSTRAINT "upstream_identities_issuer_subject_unique" UNIQUE("issuer","subject")
);
--> statement-breakpoint
CREATE TABLE "exchanged_sessions" (
	"user_id" uuid NOT NULL,
	"digest" "bytea" NOT NULL,
	"client_id" text NOT NULL,
	"family_id" uuid NOT NULL,
	"retry_proof" "bytea",
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "exchanged_sessions_user_id_digest_client_id_pk" PRIMARY KEY("user_id","digest","client_id")
);
--> statement-breakpoint
ALTER TABLE "refresh_families" ADD COLUMN "rotation_times" timestamp with time zone[];--> statement-breakpoint
ALTER TABLE "consents" ADD COLUMN "document_parts" "bytea";--> statement-breakpoint
ALTER TABLE "client_head" ADD COLUMN "registrations" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "is_self_registered" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "upstream_identities" ADD CONSTRAINT "upstream_identities_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "exchanged_sessions" ADD CONSTRAINT "exchanged_sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "registration_tokens_expires_at_index" ON "registration_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "exchanged_sessions_expires_at_index" ON "exchanged_sessions" USING btree ("expires_at");
--> statement-breakpoint
-- Rows that a rollback of this migration has left: what was disabled or deleted stays so.
UPDATE "clients" SET "is_self_registered" = true WHERE "metadata" LIKE '{"registered":%';
--> statement-breakpoint
UPDATE "client_head" SET "registrations" = (SELECT count(*) FROM "clients" WHERE "is_self_registered");
