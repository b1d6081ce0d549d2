DROP TABLE "leases";
