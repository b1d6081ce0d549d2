-- compatible-with: 0000_core
CREATE TABLE "leases" (
	"task" text PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
