DROP TABLE "client_logos";
--> statement-breakpoint
DROP TABLE "device_authorizations";
--> statement-breakpoint
DROP TABLE "client_changes";
--> statement-breakpoint
DROP TABLE "client_head";
--> statement-breakpoint
DROP TABLE "clients";
--> statement-breakpoint
DROP TABLE "spent_proofs";
--> statement-breakpoint
DROP TABLE "invitations";
--> statement-breakpoint
DROP TABLE "deliveries";
--> statement-breakpoint
ALTER TABLE "import_batches" DROP COLUMN "external_id_taken";
--> statement-breakpoint
ALTER TABLE "refresh_families" DROP COLUMN "logout_notice";
--> statement-breakpoint
ALTER TABLE "authorization_codes" DROP COLUMN "dpop_jkt";
--> statement-breakpoint
ALTER TABLE "consents" DROP COLUMN "declined";
--> statement-breakpoint
ALTER TABLE "consents" DROP COLUMN "document_digest";
