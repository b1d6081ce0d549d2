DROP TABLE "client_changes";
--> statement-breakpoint
DROP TABLE "client_head";
--> statement-breakpoint
DROP TABLE "clients";
