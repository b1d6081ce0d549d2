import type { Config } from '../config.ts'
import type { App } from '../http/server/app.ts'
import { openUpstreams } from '../platform/config-files/upstreams-file.ts'
import { systemWait } from '../platform/wait.ts'
import type { Clock, Log, StartPhase, Wait } from '../ports/effects.ts'
import type { Tracer } from '../ports/traces.ts'
import type { Database } from '../store/postgres/index.ts'
import { type ComposedAccounts, composeAccounts } from './accounts.ts'
import { composeAdmin } from './admin.ts'
import { composeApps } from './apps.ts'
import {
  composeDeliveries,
  composeEvents,
  composeEventWebhook,
  composeFollowers,
  longerOf,
} from './background.ts'
import { type Base, composeBase } from './base.ts'
import { composeConsole } from './console.ts'
import { composeDemo } from './demo.ts'
import type { Finding } from './findings/finding.ts'
import { composeHosted } from './hosted.ts'
import { composeMail } from './mail.ts'
import { type ComposedOAuth, composeOAuth } from './oauth.ts'
import { allOf, type OnClose, type OpenParts, openParts } from './open.ts'
import { composePages, composeTemplates } from './pages.ts'
import { composeRevocations } from './revocations.ts'
import { composeTracer, tracedLog, tracedParts } from './traced.ts'
import { composeUpstream, offersOf } from './upstream.ts'

/** All that the process around the server may use of it. */
export type Signet = Readonly<{
  app: App
  /** For the internal listener; null where that is off. */
  internalApp: App | null
  /** Made only on the embedded database without a CLIENTS_FILE, for the newcomer's first token. */
  demo: Readonly<{
    client_id: string
    client_secret: string
    /** Where the flow of an application is tried in a browser, and with which account. */
    sign_in: Readonly<{ url: string; email: string; password: string }>
  }> | null
  /** What the server finds of itself, as `signetd doctor` does. Rejects only where a check fails by itself. */
  findings(): Promise<readonly Finding[]>
  /** Signs the developer in to the console, once. Null but on the embedded database of a machine that others cannot reach. */
  console_link: string | null
  /** Reads CLIENTS_FILE, SCOPES_FILE, UPSTREAMS_FILE and KEYS_DIR again. Rejects with a StartFault and keeps what a file said before when it has faults. */
  reload(): Promise<void>
  /** From now on the server is not ready, holds no request, ends its streams, and each answer asks its client to close the connection. */
  drain(): void
  /** From now on answers leave their connections open. */
  keepConnections(): void
  /** From now on each answer asks its client to close the connection. */
  endConnections(): void
  close(): Promise<void>
}>

type Parts = Readonly<{
  log: Log
  clock?: Clock
  wait?: Wait
  /** A database that the caller has opened and closes. Default: the one of DATABASE_URL or DATA_DIR, opened and closed here. */
  database?: Database
  /** PEM. Who may certify the servers of others. Default: the authorities that this process trusts. */
  authorities?: string
  /** Shows a mail to the developer, on the embedded database without SMTP_URL. Default: mails are not shown. */
  printMail?: (text: string) => void
  /** Lines that the log could not write. Default: none. */
  logLinesDropped?: () => number
  /** Called when a phase of a start on the embedded database begins. Default: not told. */
  onPhase?: (phase: StartPhase) => void
}>

/** Composes the whole server. Rejects with a StartFault, or with Unavailable when Postgres is lost meanwhile; nothing stays open then. */
export const compose = async (config: Config, parts: Parts): Promise<Signet> => {
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  try {
    const onClose: OnClose = closer => closers.push(closer)
    const tracer = await composeTracer(config, parts.log, onClose)
    const log = tracedLog(parts.log, tracer)
    return await assemble(config, { ...parts, log }, { close, onClose, tracer })
  } catch (error) {
    await close()
    throw error
  }
}

type Around = Readonly<{ close: () => Promise<void>; onClose: OnClose; tracer: Tracer | null }>

const assemble = async (
  config: Config,
  {
    log,
    clock = () => new Date(),
    wait = systemWait,
    database,
    authorities,
    printMail = () => {},
    logLinesDropped = () => 0,
    onPhase,
  }: Parts,
  { close, onClose, tracer }: Around,
): Promise<Signet> => {
  const templates = composeTemplates(config, log)
  const upstreams = await openUpstreams(config.UPSTREAMS_FILE)
  const shownUpstreams = upstreams.current
  const listed = { upstreams: () => shownUpstreams().map(({ upstream }) => upstream) }
  const pages = composePages(config, { ...templates, upstreams: offersOf({ shownUpstreams }) })
  const parts = { clock, log, wait, database, authorities, onClose, onPhase }
  const opened = tracedParts(await openParts(config, parts), tracer)
  const events = composeEvents(opened, { clock, log, onClose })
  const base = composeBase(config, opened, { clock, log, wait, events })
  const revocations = composeRevocations({ ...base, meter: opened.meter, onClose })
  const { oldestSeconds } = composeDeliveries({ ...base, outbound: opened.outbound, tracer, onClose })
  const served = { ...base, database: opened.database }
  const webhook = await composeEventWebhook(config, { ...served, authorities, tracer, onClose })
  const { mails } = templates
  const mail = composeMail(config, { ...base, mails, brand: pages.brand, printMail, onClose })
  const { statusLists } = revocations
  const { notices } = mail
  const oauth = composeOAuth(config, { ...base, ensureStore: opened.database.ensure, notices, statusLists })
  const accounts = composeAccounts(config, { ...base, ...oauth, mail, ...listed })
  const upstream = composeUpstream(config, { ...base, ...accounts, ...listed, notices, shownUpstreams })
  const { limits } = base
  const followers = composeFollowers({ ...base, onClose })
  const hosted = composeHosted(config, { ...base, ...oauth, ...accounts, ...upstream, notices, limits })
  const own = await composeOwnClients(config, { base, oauth, accounts, opened })
  const { beginDraining, keepConnections, endConnections, ...stages } = createStopStages()
  const apps = composeApps(config, {
    base,
    opened,
    pages,
    admin: composeAdmin(config, { base, opened, accounts, mail, followers, ...listed }),
    subjects: { ...revocations, ...oauth, ...accounts, ...upstream, ...hosted, demo: own.demo },
    console: own.console,
    mailsWaiting: mail.waiting,
    oldestDeliverySeconds: () => longerOf(oldestSeconds(), webhook?.oldestSeconds() ?? null),
    followers,
    logLinesDropped,
    tracer,
    ...stages,
  })
  return {
    ...apps,
    demo: demoOf(config, opened),
    console_link: own.console?.link?.url ?? null,
    // At the same time, since either file system may hang.
    reload: () => allOf([opened.keys.reload(), opened.reloadFiles(), upstreams.reload()]),
    drain: () => {
      beginDraining()
      revocations.drain()
      followers.drain()
    },
    keepConnections,
    endConnections,
    close,
  }
}

/** What the stop of the process has come to. */
const createStopStages = () => {
  let isDraining = false
  let areConnectionsEnding = false
  return {
    isDraining: () => isDraining,
    areConnectionsEnding: () => areConnectionsEnding,
    beginDraining: () => {
      isDraining = true
      areConnectionsEnding = true
    },
    keepConnections: () => {
      areConnectionsEnding = false
    },
    endConnections: () => {
      areConnectionsEnding = true
    },
  }
}

type Composed = Readonly<{ base: Base; oauth: ComposedOAuth; accounts: ComposedAccounts; opened: OpenParts }>

/** The clients that this server itself acts as. */
const composeOwnClients = async (config: Config, { base, oauth, accounts, opened }: Composed) => ({
  demo: await composeDemo(config, { ...base, ...oauth, ...accounts, opened }),
  console: await composeConsole(config, { ...base, ...accounts, limits: base.limits, opened, oauth }),
})

const demoOf = ({ ISSUER }: Config, { demo }: OpenParts): Signet['demo'] =>
  demo && {
    client_id: demo.client.client_id,
    client_secret: demo.client_secret,
    sign_in: { url: `${ISSUER}/demo`, ...demo.account },
  }
