-- compatible-with: 0000_core
ALTER TABLE "revocations" ADD COLUMN "issued_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "transaction_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
CREATE INDEX "revocations_transaction_id_index" ON "revocations" USING btree ("transaction_id");