-- compatible-with: 0000_core
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
ALTER TABLE "device_authorizations" ADD CONSTRAINT "device_authorizations_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "device_authorizations_user_id_index" ON "device_authorizations" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "device_authorizations_expires_at_index" ON "device_authorizations" USING btree ("expires_at");