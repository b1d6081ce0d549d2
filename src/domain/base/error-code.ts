/** The `code` of an error: Node's, the driver's, or the SQLSTATE of Postgres. Null for an error without one. */
export const errorCodeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
