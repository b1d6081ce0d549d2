-- compatible-with: 0000_core
CREATE TABLE "unfinished_endings" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "refresh_families" ADD COLUMN "tokens_revoked" integer;--> statement-breakpoint
ALTER TABLE "refresh_families" ADD COLUMN "tokens_revoked_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "unfinished_endings" ADD CONSTRAINT "unfinished_endings_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;