DROP TABLE "ceremonies";
--> statement-breakpoint
DROP TABLE "passkeys";
--> statement-breakpoint
DROP TABLE "recovery_codes";
--> statement-breakpoint
DROP TABLE "totp_factors";
