/** SQLSTATE of a write on what has become a standby. */
export const READ_ONLY = '25006'

/** SQLSTATE of the one that was rolled back, whole, because it and others waited for each other. */
export const DEADLOCK = '40P01'

/** Nobody listens, or whoever listens is starting up: the next caller need not wait to hear it. */
export const CANNOT_CONNECT = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CONNECT_TIMEOUT',
  '57P03',
])

const AWAY = new Set([
  ...CANNOT_CONNECT,
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  // Cancelled by statement_timeout; shut down by the operator, by a crash, for being idle.
  '57014',
  '57P01',
  '57P02',
  '57P05',
  '25P03',
  READ_ONLY,
])

/** SQLSTATE classes 08 (connection) and 53 (out of connections, memory or disk), and the list above. */
export const isAway = (code: string): boolean => AWAY.has(code) || /^(?:08|53)\w{3}$/.test(code)

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''
