DROP TABLE "registration_refusals";
--> statement-breakpoint
DROP TABLE "registration_tokens";
--> statement-breakpoint
ALTER TABLE "client_head" DROP COLUMN "registrations";
--> statement-breakpoint
ALTER TABLE "clients" DROP COLUMN "is_self_registered";
