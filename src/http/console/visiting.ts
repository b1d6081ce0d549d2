import { z } from 'zod'
import { sealForm, unsealForm } from '../../domain/authorization/session-form.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import { NONCE_BYTES } from '../../domain/factors/sealed-secret.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { ConsoleFrame } from '../console-pages/frame.ts'
import { apiRefusedPage, notAdmittedPage, signedOutOfConsolePage } from '../console-pages/refused.ts'
import { seeOther } from '../hosted/interactions.ts'
import type { Page } from '../layout/layout.ts'
import { onVisit } from '../server/prefetch.ts'
import { requestSourceOf } from '../server/request-source.ts'
import { type Call, type Handle, NO_STORE, type Reply } from '../server/route.ts'
import {
  type ApiAnswer,
  type ApiRefusal,
  type ApiRequest,
  type AskApi,
  type RelayApi,
  refusalOf,
} from './api.ts'
import { type Fields, readConsoleFields } from './fields.ts'
import { createConsoleGuard } from './guard.ts'
import type { ConsoleParty } from './relying-party.ts'
import { consoleReply, fileReply } from './reply.ts'
import type { ConsoleSignedIn, ConsoleVisits } from './visits.ts'

export type VisitingNeeds = Readonly<{
  askApi: AskApi
  relayApi: RelayApi
  party: ConsoleParty
  visits: ConsoleVisits
  peppers: Peppers
  random: Random
  clock: Clock
  console_url: string
  issuer: string
}>

/** A person at the console whose role lets them see it. */
export type PageVisit = Readonly<{
  call: Call
  now: Date
  /** What every page shows around its content. */
  frame: ConsoleFrame
  /** Asks the API as the person. Throws what the API refuses, which is answered as a page. */
  get: <T>(path: string, schema: z.ZodType<T>) => Promise<Readonly<{ value: T; etag: string | null }>>
  /** The same for what may not be there, or what this server may not offer: null then. */
  find: <T>(path: string, schema: z.ZodType<T>) => Promise<T | null>
  /** The same where the page has something to say of a refusal. */
  ask: <T>(request: Omit<ApiRequest, 'token' | 'ip'>, schema: z.ZodType<T>) => Promise<ApiAnswer<T>>
  /** Asks the API as the person for a stream. The answer is passed on while it comes. */
  relay: (request: Pick<ApiRequest, 'path' | 'last_event_id'>) => Promise<Response>
  /** An answer of the API as a file for the person. Throws what the API refuses. */
  download: (file: Readonly<{ path: string; accept: string; name: string }>) => Promise<Reply>
  reply: (page: Page, status?: number) => Reply
  /** RFC 9110 §15.4.4 – Leads to a page of the console, which then says what was done. */
  goOn: (path: string, note: string) => Reply
}>

export type ConsoleShow = (visit: PageVisit) => Promise<Page | Reply>
export type ConsoleAct = (visit: PageVisit, fields: Fields) => Promise<Page | Reply>

/** A refusal of the API that no page has a word for. */
class ApiRefused extends Error {
  readonly refusal: ApiRefusal
  constructor(refusal: ApiRefusal) {
    super(refusal.title)
    this.refusal = refusal
  }
}

/** GET /admin/me */
const ME = z.object({ role: z.enum(['admin', 'viewer']) })
const NOTE = z.object({ note: z.string() })

export const createVisiting = (needs: VisitingNeeds) => {
  const guard = createConsoleGuard(needs.console_url)
  return {
    /** Refuses what is not for the console, before anything else. */
    guard,
    /** A page for the person who is signed in. Every other person is led to the sign-in. */
    showing: (show: ConsoleShow): Handle =>
      guard(onVisit(call => withPerson(needs, { call, work: show, whenSignedOut: leadToSignIn }))),
    /** A request of the script of such a page. Without a sign-in its answer is 401: only a page can lead to the sign-in. */
    relaying: (show: ConsoleShow): Handle =>
      guard(call => withPerson(needs, { call, work: show, whenSignedOut: tellScript })),
    /** A form of such a page. Nothing is done for a person who was signed out meanwhile. */
    acting: (act: ConsoleAct): Handle =>
      guard(async call => {
        const fields = await readConsoleFields(call)
        const work: ConsoleShow = async visit => act(visit, fields)
        return withPerson(needs, { call, work, fields, whenSignedOut: tellSignedOut })
      }),
  }
}

export type Visiting = ReturnType<typeof createVisiting>

type Working = Readonly<{
  call: Call
  work: ConsoleShow
  fields?: Fields
  whenSignedOut: (needs: VisitingNeeds, call: Call) => Reply
}>

const withPerson = async (needs: VisitingNeeds, working: Working): Promise<Reply> => {
  const { call, work, fields, whenSignedOut } = working
  const found = await findLiving(needs, call)
  if (found === null) return whenSignedOut(needs, call)
  const { visit, cookies } = found
  if (fields !== undefined) requireOwnForm(needs, visit, fields)
  const reply = await admitted(needs, { call, visit, work })
  return { ...reply, cookies: [...cookies, ...(reply.cookies ?? [])], log: { ...reply.log, sid: visit.sid } }
}

/** The visit of the cookie, with an access token that still lives. Null where the person has to sign in. */
const findLiving = async ({ visits, party }: VisitingNeeds, call: Call) => {
  const visit = visits.find(call)
  if (visit?.stage !== 'signed_in' || party.isOver(visit)) return null
  if (!party.isStale(visit)) return { visit, cookies: [] }
  const next = await party.refresh(visit, requestSourceOf(call))
  return next && { visit: next, cookies: [visits.write(next)] }
}

const leadToSignIn = (needs: VisitingNeeds, call: Call): Reply => {
  const { pathname, search } = new URL(call.context.req.url)
  return beginSignIn(needs, call, (pathname + search).slice(0, PATH_MAX_CHARACTERS))
}

/** A longer address is cut off: the state has to fit into the address of the sign-in. */
const PATH_MAX_CHARACTERS = 500

/** Sends the browser to the sign-in, from where it comes back to the path. */
export const beginSignIn = ({ visits, party, random }: VisitingNeeds, call: Call, path: string): Reply => {
  const known = visits.find(call)?.browser
  const browser = known ?? random.uuid()
  const reply = seeOther(party.authorizationUrl({ browser, path }))
  return { ...reply, cookies: [visits.write({ stage: 'begun', browser })] }
}

const tellScript = (): Reply => ({ status: 401, body: null, headers: NO_STORE })

const tellSignedOut = ({ issuer }: VisitingNeeds, call: Call): Reply =>
  consoleReply(call, 401, signedOutOfConsolePage({ issuer, isUnsaved: true }))

/** Throws a Problem for a form of another sign-in. */
export const requireOwnForm = (
  { peppers }: Pick<VisitingNeeds, 'peppers'>,
  { sid }: ConsoleSignedIn,
  fields: Fields,
) => {
  const sealed = fields['request']
  if (sealed === undefined) throw new Problem('PAGE_FOREIGN', { reason: 'page_seal_missing' })
  if (unsealForm(sealed, { session_id: sid, purpose: 'console' }, peppers) === null)
    throw new Problem('PAGE_FOREIGN', { reason: 'session_of_another_page' })
}

type Admitting = Readonly<{ call: Call; visit: ConsoleSignedIn; work: ConsoleShow }>

/** The API judges the token and the role anew at each request: what a page showed before is not believed. */
const admitted = async (needs: VisitingNeeds, { call, visit, work }: Admitting): Promise<Reply> => {
  const as = { token: visit.access_token, ip: call.ip }
  const ask: PageVisit['ask'] = (request, schema) => needs.askApi({ ...request, ...as }, schema)
  const me = await ask({ method: 'GET', path: '/admin/me' }, ME)
  const frame = frameOf(needs, { call, visit, isAdmin: 'value' in me && me.value.role === 'admin' })
  if ('refusal' in me) return notAdmitted(needs, { call, frame, refusal: me.refusal })
  const relay: PageVisit['relay'] = request => needs.relayApi({ ...request, method: 'GET', ...as })
  const reply: PageVisit['reply'] = (page, status = 200) => consoleReply(call, status, page)
  const goOn: PageVisit['goOn'] = (path, note) => {
    const query = new URLSearchParams({
      done: seal(needs, visit, { purpose: 'console note', content: { note } }),
    })
    return seeOther(`${path}${path.includes('?') ? '&' : '?'}${query.toString()}`)
  }
  const get: PageVisit['get'] = async (path, schema) => {
    const answer = await ask({ method: 'GET', path }, schema)
    if ('refusal' in answer) throw new ApiRefused(answer.refusal)
    return answer
  }
  const find: PageVisit['find'] = async (path, schema) => {
    const answer = await ask({ method: 'GET', path }, schema)
    if ('value' in answer) return answer.value
    if (answer.refusal.isAbsent || answer.refusal.code === 'NOT_FOUND') return null
    throw new ApiRefused(answer.refusal)
  }
  const download: PageVisit['download'] = async ({ path, accept, name }) => {
    const response = await needs.relayApi({ method: 'GET', path, accept, ...as })
    if (!response.ok) throw new ApiRefused(refusalOf(response.status, await response.text()))
    const type = response.headers.get('content-type') ?? 'application/json'
    return fileReply(call, { type, body: response.body, name })
  }
  const asking = { get, find, ask, download, relay, reply, goOn }
  try {
    const shown = await work({ call, now: needs.clock(), frame, ...asking })
    return typeof shown === 'function' ? reply(shown) : shown
  } catch (error) {
    if (!(error instanceof ApiRefused)) throw error
    return reply(apiRefusedPage(frame, error.refusal), error.refusal.status)
  }
}

type Refused = Readonly<{ call: Call; frame: ConsoleFrame; refusal: ApiRefusal }>

/** 401: the sign-in has ended. It is not begun again by itself: a token that the API never takes would lead round in a circle. */
const notAdmitted = ({ visits, issuer }: VisitingNeeds, { call, frame, refusal }: Refused): Reply => {
  if (refusal.status === 401)
    return {
      ...consoleReply(call, 401, signedOutOfConsolePage({ issuer, isUnsaved: false })),
      cookies: [visits.clear],
    }
  if (refusal.code === 'SCOPE_INSUFFICIENT') return consoleReply(call, 403, notAdmittedPage(frame))
  return consoleReply(call, refusal.status, apiRefusedPage(frame, refusal))
}

type Sealing = Readonly<{ purpose: 'console' | 'console note'; content: unknown }>

const seal = (
  { peppers, random }: VisitingNeeds,
  { sid }: ConsoleSignedIn,
  { purpose, content }: Sealing,
): string => sealForm(content, { session_id: sid, purpose, nonce: random.bytes(NONCE_BYTES) }, peppers)

type Framing = Readonly<{ call: Call; visit: ConsoleSignedIn; isAdmin: boolean }>

const frameOf = (needs: VisitingNeeds, { call, visit, isAdmin }: Framing): ConsoleFrame => {
  const done = call.context.req.query('done')
  const opened =
    done === undefined
      ? null
      : unsealForm(done, { session_id: visit.sid, purpose: 'console note' }, needs.peppers)
  const note = NOTE.safeParse(opened?.content)
  return {
    email: visit.email,
    isAdmin,
    console_url: needs.console_url,
    issuer: needs.issuer,
    sealed: seal(needs, visit, { purpose: 'console', content: null }),
    note: note.success ? note.data.note : null,
  }
}
