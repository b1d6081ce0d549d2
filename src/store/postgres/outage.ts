/** SQLSTATE of a write on a host that has become a standby. */
export const READ_ONLY = '25006'

/**
 * SQLSTATEs of work that was rolled back before its commit because of other transactions: serialization_failure and deadlock_detected. The
 * work can be run again.
 */
export const ROLLED_BACK: ReadonlySet<string> = new Set(['40001', '40P01'])

/** SQLSTATE of a duplicate value of a unique key. */
export const UNIQUE_VIOLATION = '23505'

/** Ours: the code for a host that is a standby. No statement was sent there. */
export const STANDBY = 'STANDBY'

/** Ours: the code for a host that was the primary before another one was promoted. No statement was sent there. */
export const FORMER_PRIMARY = 'FORMER_PRIMARY'

/** Ours: the code for a statement that came while its connection ended, and was not sent. */
export const UNSENT = 'UNSENT'

/** True for a host to which no statement was sent, while another one may be the primary. */
export const isWrongHost = (code: string): boolean => code === STANDBY || code === FORMER_PRIMARY

/** Codes of a host that accepts no connection: nothing listens, the server is starting, or it is not the primary. Later callers need not wait. */
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
  FORMER_PRIMARY,
])

const OUTAGES = new Set([
  ...CANNOT_CONNECT,
  UNSENT,
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  // Too many open files in this process.
  'EMFILE',
  'ENFILE',
  // Cancelled by statement_timeout.
  '57014',
  // Ended by the operator, by a crash, or for idleness.
  '57P01',
  '57P02',
  '57P05',
  '25P03',
  READ_ONLY,
])

/** SQLSTATE classes 08 (connection) and 53 (out of connections, memory or disk), and the list above. */
export const isOutage = (code: string | null): boolean =>
  code !== null && (OUTAGES.has(code) || /^(?:08|53)\w{3}$/.test(code))

/** Classes of SQLSTATEs of a lost connection and of a server that ends or starts. */
const CONNECTION = /^(?:080|57P)/
/** These codes alone also mean a fault of Postgres itself. */
const LOST_WORKER_CODES: ReadonlySet<string> = new Set(['XX000', '58030'])
const LOST_WORKER =
  /^(?:failure on connection marked as essential|failed to COPY to shard|server closed the connection unexpectedly|terminating connection due to unexpected postmaster exit|postmaster was shut down)/

type ServerError = Readonly<{ severity: string; code: string; message: string }>

/**
 * Ours – True for the error by which the coordinator of Citus, which answers and goes on, tells that it cannot reach a worker, or has lost it
 * within the statement. A Postgres that ends its own connection says so with FATAL. The exception is a coordinator whose own postmaster ends
 * while Citus waits for a worker: its error counts as that of a lost worker.
 */
export const isLostWorker = ({ severity, code, message }: ServerError): boolean =>
  severity === 'ERROR' &&
  (CONNECTION.test(code) || (LOST_WORKER_CODES.has(code) && LOST_WORKER.test(message)))
