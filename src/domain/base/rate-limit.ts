/** How many attempts in how many seconds; null switches the limit off. */
export type RateLimit = Readonly<{ count: number; window_seconds: number }> | null
