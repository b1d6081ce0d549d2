DROP TABLE "status_entries";
