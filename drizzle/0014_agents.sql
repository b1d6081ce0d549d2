-- compatible-with: 0000_core
ALTER TABLE "consents" ADD COLUMN "document_digest" "bytea";