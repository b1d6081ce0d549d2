ALTER TABLE "consents" DROP COLUMN "document_digest";
