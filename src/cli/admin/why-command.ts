import type { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { type OutputForm, safeJson } from '../terminal/rows.ts'
import {
  type FoundMatch,
  pageOf,
  TOLD_ACCOUNT,
  TOLD_EVENT,
  TOLD_MATCHES,
  TOLD_SIGN_IN,
  TOLD_TIMELINE,
} from './admin-answers.ts'
import { AdminError } from './admin-error.ts'
import { type StoryParagraph, tellAccount } from './tell-account.ts'
import { tellSignIn } from './tell-sign-in.ts'
import { type Administration, withAdministration } from './with-administration.ts'

/** Sign-ins of a person that are told, at most, and her events that are read for it. */
const SIGN_INS_MOST = 5
const EVENTS_MOST = 200

/** Adds `why`: what happened to a sign-in, or to the last sign-ins of a person, in sentences. */
export const addWhyCommand = (program: Command, io: Io): void => {
  program
    .command('why')
    .description('tell in sentences what happened to a sign-in, or to the last sign-ins of a person')
    .argument('<text>', 'the sid of a sign-in, or the e-mail or the sub of a person')
    .option('--json', 'print a JSON object for each sign-in, for programs')
    .option('--quiet', 'print the last sentence alone of each sign-in')
    .action((q: string, form: OutputForm) =>
      withAdministration(io, form, async administration => {
        const { matches } = await administration.get('/find', TOLD_MATCHES, { q })
        const told = await tell(administration, chosenOf(matches, q))
        if (form.json) for (const paragraph of told) io.out(safeJson(paragraph))
        else printParagraphs(io, form, told)
      }),
    )
}

const printParagraphs = (io: Io, { quiet = false }: OutputForm, told: readonly StoryParagraph[]): void => {
  for (const [index, { sid, sentences }] of told.entries()) {
    if (quiet) {
      if (sid !== null) io.out(printable(`${sid}: ${sentences.at(-1)}`))
      continue
    }
    if (index > 0) io.out('')
    if (sid !== null && told.length > 1) io.out(printable(`Sign-in ${sid}`))
    for (const sentence of sentences) io.out(printable(sentence))
  }
}

/** The one match that the text names exactly; else the only one. Throws where there is none, or where several begin like the text. */
const chosenOf = (matches: readonly FoundMatch[], q: string): FoundMatch => {
  const named = matches.filter(({ kind }) => TOLD_KINDS.has(kind))
  const wanted = q.trim().toLowerCase()
  const exact = named.find(({ id, label }) => [id, label.toLowerCase()].includes(wanted))
  const [only, another] = named
  if (exact !== undefined) return exact
  if (only === undefined) throw new AdminError('refused', otherNameOf(matches, q))
  if (another === undefined) return only
  const some = named.map(({ label }) => label).join(', ')
  throw new AdminError('refused', `${q} is the beginning of several names: ${some}: name one of them`)
}

/** What the text is, where it is no name of a sign-in or a person. */
const otherNameOf = (matches: readonly FoundMatch[], q: string): string => {
  const kinds = new Set(matches.map(({ kind }) => kind))
  if (kinds.has('client'))
    return `${q} is a client: signetd events --client ${q} --kind client.changed tells who changed it`
  if (kinds.has('key'))
    return `${q} is a signing key that was not revoked: signetd events --kind key.created tells who made it`
  return `no sign-in and no person that is kept has the name ${q}`
}

const TOLD_KINDS: ReadonlySet<string> = new Set(['account', 'sign_in', 'event', 'request', 'access_token'])

/** What the text names leads to a sign-in, or to a person. */
const tell = async (
  administration: Administration,
  { kind, id }: FoundMatch,
): Promise<readonly StoryParagraph[]> => {
  switch (kind) {
    case 'sign_in':
      return [await tellTimeline(administration, id)]
    case 'account':
      return tellPerson(administration, id)
    case 'event':
      return tellEvents(administration, [await administration.get(`/events/${id}`, TOLD_EVENT)])
    default: {
      const query = kind === 'request' ? { request_id: id } : { jti: id }
      const { items } = await administration.get('/events', pageOf(TOLD_EVENT), query)
      return tellEvents(administration, items)
    }
  }
}

type Naming = Readonly<{ sid: string | null; sub: string | null }>

const tellEvents = async (administration: Administration, events: readonly Naming[]) => {
  const sid = events.find(event => event.sid !== null)?.sid ?? null
  const sub = events.find(event => event.sub !== null)?.sub ?? null
  if (sid !== null) return [await tellTimeline(administration, sid)]
  if (sub !== null) return tellPerson(administration, sub)
  throw new AdminError('refused', 'the event is about no sign-in and no person: signetd find says what it is')
}

/** Events outlive what they are about. */
const orGone = async <T>(asked: Promise<T>, named: Readonly<Record<string, string>>): Promise<T> => {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof AdminError) || error.status !== 404) throw error
    const [[name, id] = ['', '']] = Object.entries(named)
    const what = name === 'sid' ? 'sign-in' : 'account'
    throw new AdminError(
      'refused',
      `the ${what} ${id} is no longer kept: signetd events --${name} ${id} tells what happened to it`,
    )
  }
}

const tellTimeline = async ({ get }: Administration, sid: string): Promise<StoryParagraph> => {
  const timeline = await orGone(get(`/sign-ins/${sid}/timeline`, TOLD_TIMELINE), { sid })
  return { sid, state: timeline.sign_in.state, sentences: tellSignIn(timeline) }
}

const tellPerson = async ({ get }: Administration, sub: string): Promise<readonly StoryParagraph[]> => {
  const asked = Promise.all([
    get(`/accounts/${sub}`, TOLD_ACCOUNT),
    get(`/accounts/${sub}/sign-ins`, pageOf(TOLD_SIGN_IN), { limit: String(SIGN_INS_MOST) }),
    get('/events', pageOf(TOLD_EVENT), { sub, limit: String(EVENTS_MOST) }),
  ])
  const [account, { items: sign_ins }, { items: events }] = await orGone(asked, { sub })
  return tellAccount({ account, sign_ins, events })
}
