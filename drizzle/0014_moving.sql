-- compatible-with: 0000_core
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
ALTER TABLE "exchanged_sessions" ADD CONSTRAINT "exchanged_sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "exchanged_sessions_expires_at_index" ON "exchanged_sessions" USING btree ("expires_at");