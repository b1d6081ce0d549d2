DROP TABLE "account_names";
