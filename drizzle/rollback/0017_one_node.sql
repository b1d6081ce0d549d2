DROP TABLE "two_phase_commits";
