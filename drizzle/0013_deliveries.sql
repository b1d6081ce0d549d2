-- compatible-with: 0000_core
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
ALTER TABLE "refresh_families" ADD COLUMN "logout_notice" text;--> statement-breakpoint
CREATE INDEX "deliveries_receiver_index" ON "deliveries" USING btree ("kind","receiver","due_at");--> statement-breakpoint
CREATE INDEX "deliveries_expires_at_index" ON "deliveries" USING btree ("expires_at");