/** SQLSTATE of a write on what has become a standby. */
export const READ_ONLY = '25006'

/** Shut down by the operator, by a crash, for being idle: the last word on a connection. */
const LAST_WORDS = ['57P01', '57P02', '57P05', '25P03']

/**
 * SQLSTATEs of a statement that was not carried out, and may be now: rolled back, whole, because it and others waited for each other;
 * or never sent, as postgres.js 3.4.9 takes the last word on a connection for an answer to the first statement on the next one.
 * The statement that it was said to ends with CONNECTION_CLOSED.
 */
export const AGAIN = new Set(['40P01', ...LAST_WORDS])

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
  // Cancelled by statement_timeout.
  '57014',
  ...LAST_WORDS,
  READ_ONLY,
])

/** SQLSTATE classes 08 (connection) and 53 (out of connections, memory or disk), and the list above. */
export const isAway = (code: string): boolean => AWAY.has(code) || /^(?:08|53)\w{3}$/.test(code)

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''
