DROP TABLE "activity";
--> statement-breakpoint
DROP TABLE "event_head";
--> statement-breakpoint
DROP TABLE "event_places";
--> statement-breakpoint
DROP TABLE "events";
--> statement-breakpoint
DROP TABLE "unplaced_events";
