DROP TABLE "spent_assertions";
--> statement-breakpoint
DROP TABLE "revocations";
--> statement-breakpoint
DROP TABLE "refresh_families";
--> statement-breakpoint
DROP TABLE "users";
