DROP TABLE "registration_refusals";
--> statement-breakpoint
DROP TABLE "registration_tokens";
--> statement-breakpoint
DROP TABLE "upstream_identities";
--> statement-breakpoint
DROP TABLE "exchanged_sessions";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "rotation_times";
--> statement-breakpoint
ALTER TABLE "consents" DROP COLUMN "document_parts";
--> statement-breakpoint
ALTER TABLE "client_head" DROP COLUMN "registrations";
--> statement-breakpoint
ALTER TABLE "clients" DROP COLUMN "is_self_registered";
