-- compatible-with: 0000_core
CREATE INDEX "refresh_families_client_id_index" ON "refresh_families" USING btree ("client_id") WHERE revoked_at is null;