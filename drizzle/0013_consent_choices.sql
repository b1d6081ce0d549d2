-- compatible-with: 0000_core
ALTER TABLE "consents" ADD COLUMN "declined" text[] DEFAULT '{}' NOT NULL;