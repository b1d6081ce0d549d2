-- compatible-with: 0000_core
-- Indexes alone. At a million accounts and sign-ins, each is built in one to two seconds, while writes to its table wait.
CREATE INDEX "refresh_families_client_id_id_index" ON "refresh_families" USING btree ("client_id","id");--> statement-breakpoint
CREATE INDEX "refresh_families_user_id_id_index" ON "refresh_families" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "users_email_prefix_index" ON "users" USING btree ("email" collate "C");--> statement-breakpoint
CREATE INDEX "users_disabled_index" ON "users" USING btree ("id") WHERE disabled_at is not null;--> statement-breakpoint
CREATE INDEX "users_administrative_index" ON "users" USING btree ("id") WHERE roles && '{signet:admin,signet:viewer}'::text[];
