DROP TABLE "email_links";--> statement-breakpoint
ALTER TABLE "users" DROP COLUMN "language";
