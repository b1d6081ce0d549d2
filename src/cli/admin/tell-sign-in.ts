import { describeDevice } from '../../domain/base/user-agent.ts'
import { EVENT_KINDS } from '../../domain/events/event-kinds.ts'
import type { ToldEvent, ToldSignIn } from './admin-answers.ts'

type Story = Readonly<{ sign_in: ToldSignIn; events: readonly ToldEvent[] }>

/** What happened to one sign-in, a sentence each, the oldest first. The last one says what it is by now. */
export const tellSignIn = ({ sign_in, events }: Story): readonly string[] => [
  openingOf(sign_in, events),
  rotationsOf(sign_in),
  ...events.flatMap(event => sentenceOf(event, sign_in)),
  conclusionOf(sign_in),
]

/** A time for people, to the second. */
export const timeOf = (time: string): string =>
  time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, '$1 $2 UTC')

const openingOf = (
  { email, client_id, created_at, amr, ip, user_agent, generation }: ToldSignIn,
  events: readonly ToldEvent[],
): string => {
  const opened = events.find(({ kind }) => kind === 'sign_in.opened' || kind === 'sign_in.stepped_up')
  // The row has the address and the device of the last use alone.
  const from = opened?.ip ?? (generation === 0 ? ip : null)
  const parts = [
    `${email} signed in at ${client_id} on ${timeOf(created_at)}`,
    ...(from === null ? [] : [`from ${from}`]),
    `with ${methodsOf(amr)}`,
  ]
  const device = generation === 0 && user_agent !== null ? `, on ${describeDevice(user_agent)}` : ''
  return `${parts.join(' ')}${device}.`
}

/** RFC 8176 §2 – The authentication methods in words. */
const METHODS: ReadonlyMap<string, string> = new Map([
  ['pwd', 'a password'],
  ['otp', 'a code of an authenticator application'],
  ['hwk', 'a passkey of one device'],
  ['swk', 'a passkey'],
  ['user', 'a check of the person by the device'],
])

const methodsOf = (amr: readonly string[]): string => {
  const words = amr.filter(method => method !== 'mfa').map(method => METHODS.get(method) ?? method)
  return words.length === 0 ? 'an identity elsewhere' : joined(words)
}

const joined = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

const rotationsOf = ({ generation, last_used_at, ip, user_agent }: ToldSignIn): string => {
  if (generation === 0) return 'It was never refreshed.'
  const times = generation === 1 ? 'once' : `${generation} times, last`
  return `It was refreshed ${times} on ${timeOf(last_used_at)}${fromOf(ip)}, by ${withoutCapital(describeDevice(user_agent))}.`
}

/** The names of programs keep their capital. */
const withoutCapital = (device: string): string => device.replace(/^An? /, article => article.toLowerCase())

const fromOf = (ip: string | null): string => (ip === null ? '' : ` from ${ip}`)

const sentenceOf = (event: ToldEvent, { sub }: Pick<ToldSignIn, 'sub'>): readonly string[] => {
  const { kind, at, ip, details } = event
  const when = `On ${timeOf(at)}`
  switch (kind) {
    case 'sign_in.opened':
      return []
    case 'sign_in.stepped_up':
      return [`It replaced the sign-in ${textOf(details['replaces'])}, with another factor.`]
    case 'refresh_token.reused':
      return [
        `${when} a refresh token that had been used before (${presentedOf(details)}) was presented${fromOf(ip)}; the latest refresh had come from ${textOf(details['last_ip'])}.`,
      ]
    case 'refresh_token.forged':
      return [
        `${when} a refresh token that this server never issued (${presentedOf(details)}) was presented${fromOf(ip)}; the latest refresh had come from ${textOf(details['last_ip'])}.`,
      ]
    case 'refresh_token.answered_elsewhere':
      return [
        `${when} a superseded refresh token (${presentedOf(details)}) was answered${fromOf(ip)}; the latest refresh had come from ${textOf(details['last_ip'])}.`,
      ]
    case 'sign_in.ended':
      return [`${when} it was ended by ${actorOf(event, sub)}${fromOf(ip)}.`]
    default:
      return [`${when}${fromOf(ip)}: ${wordsOf(kind)}`]
  }
}

/** A kind of a newer server is told by its name. */
export const wordsOf = (kind: string): string =>
  Object.entries(EVENT_KINDS).find(([name]) => name === kind)?.[1] ?? `${kind}.`

const presentedOf = (details: ToldEvent['details']): string =>
  `generation ${textOf(details['presented_generation'])}, when the sign-in was at ${textOf(details['generation'])}`

const textOf = (member: unknown): string =>
  typeof member === 'string' || typeof member === 'number' ? String(member) : 'an unknown place'

/** The party that did it. `sub` is the person whom the story is about. */
export const actorOf = ({ actor }: Pick<ToldEvent, 'actor'>, sub: string): string => {
  const id = actor?.id ?? ''
  switch (actor?.type) {
    case 'person':
      return id === sub ? 'its person' : `the person ${id}`
    case 'client':
      return `the client ${id}`
    case 'operator':
      return `the operator ${id} at the command line`
    case 'system':
      return 'the server itself'
    case undefined:
      return 'a stranger'
    default:
      return `${actor?.type} ${id}`
  }
}

/** What a sign-in is by now, and why. */
export const conclusionOf = ({
  state,
  ended_at,
  because,
  expires_at,
  idle_expires_at,
}: ToldSignIn): string => {
  const why = because === null ? '' : `: ${because.replace(/\.$/, '')}`
  switch (state) {
    case 'living':
      return `It lives until ${timeOf(expires_at)}, or until ${timeOf(idle_expires_at)} if it is not used before.`
    case 'expired':
    case 'idle':
      return `It ended by itself${ended_at === null ? '' : ` on ${timeOf(ended_at)}`}${why}.`
    default:
      return `It ended${ended_at === null ? '' : ` on ${timeOf(ended_at)}`}${why}.`
  }
}
