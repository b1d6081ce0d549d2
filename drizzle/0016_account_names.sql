-- compatible-with: 0000_core
CREATE TABLE "account_names" (
	"kind" text NOT NULL,
	"value" text NOT NULL,
	"user_id" uuid NOT NULL,
	"expires_at" timestamp with time zone,
	CONSTRAINT "account_names_kind_value_pk" PRIMARY KEY("kind","value")
);
--> statement-breakpoint
CREATE INDEX "account_names_user_id_index" ON "account_names" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "account_names_expires_at_index" ON "account_names" USING btree ("expires_at") WHERE expires_at is not null;
