-- compatible-with: 0000_core
CREATE TABLE "two_phase_commits" (
	"id" smallint PRIMARY KEY NOT NULL
);
