DROP TABLE "exchanged_sessions";
