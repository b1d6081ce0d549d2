DROP INDEX "refresh_families_client_id_index";
