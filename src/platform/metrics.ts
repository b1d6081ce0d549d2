import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { MAIL_OUTCOMES } from '../domain/account/mail.ts'
import { PASSWORD_HOOK_OUTCOMES } from '../domain/account/password-hook.ts'
import { CODE_VERDICTS } from '../domain/authorization/authorization-code.ts'
import type { KeyState } from '../domain/keys/key-ring.ts'
import { DELIVERY_KINDS, DELIVERY_OUTCOMES } from '../domain/outbound/delivery.ts'
import { CLAIMS_HOOK_OUTCOMES } from '../domain/sign-in/claims-hook.ts'
import { END_REASONS } from '../domain/sign-in/refresh-family.ts'
import { REFRESH_OUTCOMES } from '../domain/sign-in/refresh-verdict.ts'
import { SIGN_IN_RESULTS } from '../domain/sign-in/sign-in-result.ts'
import type { Metrics } from '../ports/effects.ts'
import { createGauge, type WatchedFollowers, watchEventFollowers } from './gauges.ts'
import { VERSION } from './version.ts'

/** The sources of gauges, read at each scrape. */
export type Watched = Readonly<{
  database: () => Readonly<{
    connections: number
    statements: number
    isLost: boolean
    timeline: number | null
  }>
  /** Seconds by which the clock of Postgres is ahead; null where Postgres has not been asked yet. */
  clockOffset: () => Promise<number | null>
  passwordsWaiting: () => number
  /** Null: this server sends no mail. */
  mailsWaiting: (() => Readonly<{ all: number; late: number }>) | null
  /** The age of the oldest delivery, for all instances. Null: none waits. */
  oldestDeliverySeconds: () => number | null
  eventFollowers: WatchedFollowers
  logLinesDropped: () => number
  /** Null: no Redis is configured. */
  isRedisHealthy: (() => boolean) | null
  keys: () => Readonly<{
    states: Readonly<Record<KeyState, number>>
    isReadOnly: boolean
    /** The age of the signing key. */
    age_seconds: number | null
    due_seconds: number | null
    needsAttention: boolean
  }>
}>

export type OpenMetrics = Metrics &
  Readonly<{
    watch(watched: Watched): void
    /** Everything, in the text format of Prometheus. */
    render(): Promise<Readonly<{ type: string; body: string }>>
  }>

/** Seconds. A signature takes about 1 ms and a password about 100 ms; after 5 s a request has usually been given up. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Metrics of one server; `render` adds the metrics of its process. */
export const openMetrics = (): OpenMetrics => {
  const registry = new Registry()
  return {
    ...createCounters(registry),
    watch: watched => watch(registry, watched),
    render: async () => {
      const both = Registry.merge([registry, processRegistry()])
      return { type: both.contentType, body: await both.metrics() }
    },
  }
}

/** Does nothing. For a server without a metrics endpoint. */
export const absentMetrics: Metrics = {
  answered: () => {},
  issued: () => {},
  judged: () => {},
  answeredElsewhere: () => {},
  codeJudged: () => {},
  limited: () => {},
  mailed: () => {},
  attempted: () => {},
  passwordHookAsked: () => {},
  claimsHookAsked: () => {},
  deleted: () => {},
  signedIn: () => {},
  ended: () => {},
}

const createCounter =
  (registers: Registry[]) =>
  <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers })

/** The questions to servers of the operator. */
const createHookCounters = (
  counter: ReturnType<typeof createCounter>,
): Pick<Metrics, 'passwordHookAsked' | 'claimsHookAsked'> => {
  const passwords = counter(
    'signet_password_hook_total',
    'Passwords that the former provider was asked for.',
    ['outcome'],
  )
  const claims = counter('signet_claims_hook_total', 'Sign-ins whose extra claims were asked for.', [
    'outcome',
  ])
  for (const outcome of PASSWORD_HOOK_OUTCOMES) passwords.inc({ outcome }, 0)
  for (const outcome of CLAIMS_HOOK_OUTCOMES) claims.inc({ outcome }, 0)
  return {
    passwordHookAsked: outcome => passwords.inc({ outcome }),
    claimsHookAsked: outcome => claims.inc({ outcome }),
  }
}

const createCounters = (registry: Registry): Metrics => {
  const registers = [registry]
  const counter = createCounter(registers)
  const requests = counter('signet_requests_total', 'Requests answered.', ['route', 'method', 'status'])
  const seconds = new Histogram({
    name: 'signet_request_duration_seconds',
    help: 'From the head of a request to its answer.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  })
  const tokens = counter('signet_tokens_issued_total', 'Answers that held a token.', ['grant'])
  const verdicts = counter('signet_refreshes_total', 'Refresh tokens judged.', ['verdict'])
  const elsewhere = counter(
    'signet_refreshes_elsewhere_total',
    'Superseded refresh tokens answered within a grace window, at another address than the latest one.',
    [],
  )
  const codes = counter('signet_authorization_codes_total', 'Authorization codes judged.', ['verdict'])
  const limits = counter('signet_limit_hits_total', 'Requests refused by a limit.', ['limit'])
  const mails = counter('signet_mails_total', 'Mails.', ['outcome', 'reason'])
  const deliveries = counter('signet_delivery_attempts_total', 'Attempts to deliver to servers of others.', [
    'kind',
    'outcome',
  ])
  const attempts = counter('signet_sign_ins_total', 'Attempts to sign in, by what they came to.', ['outcome'])
  const ended = counter('signet_sign_ins_ended_total', 'Sign-ins ended before they expired.', ['reason'])
  const deleted = counter('signet_janitor_deleted_rows_total', 'Dead rows deleted.', ['table'])
  new Gauge({
    name: 'signet_build_info',
    help: 'Always 1; the version that this instance runs.',
    labelNames: ['version'],
    registers,
  }).set({ version: VERSION }, 1)
  // Each series starts at 0, because an alert on the first theft needs a sample before the increase.
  for (const outcome of REFRESH_OUTCOMES) verdicts.inc({ verdict: outcome }, 0)
  for (const outcome of Object.keys(SIGN_IN_RESULTS)) attempts.inc({ outcome }, 0)
  for (const reason of Object.keys(END_REASONS)) ended.inc({ reason }, 0)
  for (const verdict of CODE_VERDICTS) codes.inc({ verdict }, 0)
  for (const [outcome, reason] of Object.values(MAIL_OUTCOMES)) mails.inc({ outcome, reason }, 0)
  for (const kind of DELIVERY_KINDS)
    for (const outcome of DELIVERY_OUTCOMES) deliveries.inc({ kind, outcome }, 0)
  return {
    answered: request => {
      const { route, method, status } = request
      requests.inc({ route, method, status })
      seconds.observe({ route }, request.seconds)
    },
    issued: grant => tokens.inc({ grant }),
    signedIn: outcome => attempts.inc({ outcome }),
    ended: (reason, count) => ended.inc({ reason }, count),
    answeredElsewhere: () => elsewhere.inc(),
    judged: outcome => verdicts.inc({ verdict: outcome }),
    codeJudged: verdict => codes.inc({ verdict }),
    limited: limit => limits.inc({ limit }),
    mailed: name => {
      const [outcome, reason] = MAIL_OUTCOMES[name]
      mails.inc({ outcome, reason })
    },
    attempted: (kind, outcome) => deliveries.inc({ kind, outcome }),
    ...createHookCounters(counter),
    deleted: (table, rows) => deleted.inc({ table }, rows),
  }
}

const watch = (registry: Registry, watched: Watched) => {
  const { database, passwordsWaiting, mailsWaiting, oldestDeliverySeconds, logLinesDropped } = watched
  const { isRedisHealthy, keys } = watched
  const gauge = createGauge([registry])
  gauge('database_up', '0 while Postgres was away when last asked.', () => Number(!database().isLost))
  gauge('database_timeline', 'Each promotion of a standby raises it.', () => database().timeline)
  gauge('database_clock_offset_seconds', 'By which the clock of Postgres is ahead.', watched.clockOffset)
  gauge('database_connections_max', 'The size of the pool.', () => database().connections)
  gauge('database_statements', 'Statements under way, or waiting.', () => database().statements)
  gauge('database_statements_waiting', 'Statements that wait for a connection.', () => {
    const { statements, connections } = database()
    return Math.max(0, statements - connections)
  })
  gauge('passwords_waiting', 'Passwords that wait for a worker.', passwordsWaiting)
  if (mailsWaiting !== null) {
    gauge('mails_waiting', 'Mails in the queue of this process.', () => mailsWaiting().all)
    gauge('mails_late', 'Those of them that failed and wait for another attempt.', () => mailsWaiting().late)
  }
  gauge(
    'delivery_oldest_seconds',
    'Since when the oldest delivery to a server of others waits, 0 when none does.',
    () => oldestDeliverySeconds() ?? 0,
  )
  watchEventFollowers(gauge, watched.eventFollowers)
  if (isRedisHealthy !== null) {
    gauge('redis_up', '0: limits count in process, and revocations come from Postgres.', () =>
      Number(isRedisHealthy()),
    )
  }
  gauge('keys_read_only', '1: KEYS_DIR cannot be written, and rotation is up to the operator.', () =>
    Number(keys().isReadOnly),
  )
  gauge('signing_key_age_seconds', 'Since when the signing key signs.', () => keys().age_seconds)
  gauge('key_rotation_due_seconds', 'Until the next key is due; negative: overdue.', () => keys().due_seconds)
  gauge('key_rotation_warning', '1: rotate the keys by hand, or find out why their rotation failed.', () =>
    Number(keys().needsAttention),
  )
  const dropped = new Counter({
    name: 'signet_log_lines_dropped_total',
    help: 'Log lines that standard output did not take.',
    registers: [],
    collect() {
      this.reset()
      this.inc(logLinesDropped())
    },
  })
  registry.registerMetric(dropped)
  const states = new Gauge({
    name: 'signet_signing_keys',
    help: 'Keys by state.',
    labelNames: ['state'],
    registers: [],
    collect() {
      for (const [state, count] of Object.entries(keys().states)) this.set({ state }, count)
    },
  })
  registry.registerMetric(states)
}

let shared: Registry | undefined

/** Event loop, memory and CPU. One registry for all servers of the process, because its observers cannot be removed. */
const processRegistry = (): Registry => {
  if (shared === undefined) {
    shared = new Registry()
    collectDefaultMetrics({ register: shared })
  }
  return shared
}
