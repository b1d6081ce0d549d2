/** The `code` of a Node error, of a driver's, or of Postgres (its SQLSTATE); null for an error without one. */
export const errorCodeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
