import { CLOCK_TOLERANCE_MAX_SECONDS } from './clock-tolerance.ts'

/**
 * Ours: seconds that a row is kept after it died by the database's clock: an assertion is judged by the clock of a server, and an
 * operator who looks into something that happened yesterday still finds the sign-in. Carried out by store/janitor.ts.
 */
export const RETENTION_SECONDS = 86_400

/** Of what operators do not look into, and of which a day would be many rows: one for each access token, or each change of the feed. */
export const SHORT_RETENTION_SECONDS = 2 * CLOCK_TOLERANCE_MAX_SECONDS
