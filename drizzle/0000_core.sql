CREATE TABLE "refresh_families" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"credential_epoch" integer NOT NULL,
	"client_id" text NOT NULL,
	"scope" text NOT NULL,
	"audience" text[] NOT NULL,
	"auth_time" timestamp with time zone NOT NULL,
	"amr" text[] NOT NULL,
	"salt" "bytea" NOT NULL,
	"pepper_id" smallint NOT NULL,
	"token_digest" "bytea" NOT NULL,
	"generation" integer DEFAULT 0 NOT NULL,
	"rotated_at" timestamp with time zone,
	"retry_proof" "bytea",
	"previous_retry_proof" "bytea",
	"sender_key" text,
	"idle_expires_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	"revoke_reason" text,
	"last_ip" text,
	"last_user_agent" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
) WITH (fillfactor = 80);
--> statement-breakpoint
CREATE TABLE "revocations" (
	"kind" text NOT NULL,
	"value" text NOT NULL,
	"revoked_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "revocations_kind_value_pk" PRIMARY KEY("kind","value")
);
--> statement-breakpoint
CREATE TABLE "spent_assertions" (
	"client_id" text NOT NULL,
	"jti_digest" "bytea" NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "spent_assertions_client_id_jti_digest_pk" PRIMARY KEY("client_id","jti_digest")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"password_digest" text,
	"roles" text[] NOT NULL,
	"credential_epoch" integer DEFAULT 0 NOT NULL,
	"disabled_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
ALTER TABLE "refresh_families" ADD CONSTRAINT "refresh_families_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "refresh_families_user_id_index" ON "refresh_families" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "refresh_families_expires_at_index" ON "refresh_families" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "revocations_expires_at_index" ON "revocations" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "spent_assertions_expires_at_index" ON "spent_assertions" USING btree ("expires_at");