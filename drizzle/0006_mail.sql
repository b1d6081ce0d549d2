-- compatible-with: 0000_core
CREATE TABLE "email_links" (
	"user_id" uuid NOT NULL,
	"purpose" text NOT NULL,
	"digest" "bytea" NOT NULL,
	"email" text NOT NULL,
	"credential_epoch" integer NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "email_links_user_id_purpose_pk" PRIMARY KEY("user_id","purpose"),
	CONSTRAINT "email_links_digest_unique" UNIQUE("digest")
);
--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "language" text;--> statement-breakpoint
ALTER TABLE "email_links" ADD CONSTRAINT "email_links_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "email_links_expires_at_index" ON "email_links" USING btree ("expires_at");