/** SQLSTATE of a write on what has become a standby. */
export const READ_ONLY = '25006'

/**
 * SQLSTATE of work that was rolled back, whole and before its commit, for the sake of other transactions: serialization_failure and
 * deadlock_detected. It may be carried out now.
 */
export const ROLLED_BACK: ReadonlySet<string> = new Set(['40001', '40P01'])

/** SQLSTATE of a row whose unique key another row has. */
export const UNIQUE_VIOLATION = '23505'

/** Ours: of several hosts, one that is a standby. Nothing was sent there. */
export const STANDBY = 'STANDBY'

/** Nothing listens there, or a server that is starting up, or a standby: the next caller need not wait to be told. */
export const CANNOT_CONNECT = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'CONNECT_TIMEOUT',
  '57P03',
  STANDBY,
])

const OUTAGES = new Set([
  ...CANNOT_CONNECT,
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  // Too many open files, here.
  'EMFILE',
  'ENFILE',
  // Cancelled by statement_timeout.
  '57014',
  // Shut down by the operator, by a crash, for being idle.
  '57P01',
  '57P02',
  '57P05',
  '25P03',
  READ_ONLY,
])

/** SQLSTATE classes 08 (connection) and 53 (out of connections, memory or disk), and the list above. */
export const isOutage = (code: string | null): boolean =>
  code !== null && (OUTAGES.has(code) || /^(?:08|53)\w{3}$/.test(code))
