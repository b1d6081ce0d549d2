-- compatible-with: 0000_core
ALTER TABLE "refresh_families" ADD COLUMN "refresh_transport" text DEFAULT 'body' NOT NULL;