import { normalizeEmail } from '../../domain/account/account.ts'
import { parseAddress } from '../../domain/base/ip-address.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import type { Event } from '../../domain/events/event.ts'
import { EVENT_KINDS } from '../../domain/events/event-kinds.ts'
import { PAST_REASONS } from '../../domain/sign-in/sign-in-history.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { AdministeredAccounts, AdministeredSignIns } from '../../ports/administration.ts'
import type { Clients } from '../../ports/clients.ts'
import type { EventFilter, Events } from '../../ports/events.ts'
import type { Keys } from '../../ports/keys.ts'
import { filterBy } from '../events/event-filter.ts'

type Needs = Readonly<{
  administration: Pick<AccountAdministration, 'find'>
  administeredAccounts: AdministeredAccounts
  administeredSignIns: AdministeredSignIns
  clients: Clients
  keys: Keys
  events: Pick<Events, 'find' | 'read'>
}>

/** What a text may be the name of. */
export type Match = Readonly<{
  kind: 'account' | 'sign_in' | 'client' | 'access_token' | 'address' | 'request' | 'event' | 'key'
  id: string
  /** What a person recognises it by. */
  label: string
  note: string
}>

type Find = (q: string) => Promise<readonly Match[]>

export const MATCHES_MOST = 20
const PREFIX_LEAST = 3

/** Ours (docs/administration.md) – Says what a text names. Each look-up is by a primary key or a unique index; those of a prefix end at MATCHES_MOST. */
export const createFind = (needs: Needs): Find => {
  const looks = [
    findById(needs),
    findToken(needs),
    findEvent(needs),
    findByEvents(needs),
    findByEmail(needs),
    findByExternalId(needs),
    findClient(needs),
  ]
  const findGone = createFindGone(needs)
  return async q => {
    const found = await Promise.all(looks.map(look => look(q)))
    const kept = [...found.flat(), ...keyMatches(needs.keys, q)]
    const matches = kept.length > 0 ? kept : await findGone(q)
    const seen = new Set<string>()
    return matches
      .filter(({ kind, id }) => !seen.has(`${kind} ${id}`) && seen.add(`${kind} ${id}`))
      .slice(0, MATCHES_MOST)
  }
}

const findById =
  ({ administeredAccounts, administeredSignIns }: Needs): Find =>
  async q => {
    const id = q.toLowerCase()
    if (!isUuid(id)) return []
    const [account, signIn] = await Promise.all([administeredAccounts.find(id), administeredSignIns.find(id)])
    const ofSignIn: Match[] =
      signIn === null
        ? []
        : [
            {
              kind: 'sign_in',
              id,
              label: `${signIn.email} at ${signIn.client_id}`,
              note: signIn.reason === null ? 'A living sign-in.' : PAST_REASONS[signIn.reason],
            },
          ]
    return account === null ? ofSignIn : [accountMatch(account), ...ofSignIn]
  }

const findToken =
  ({ administeredSignIns }: Needs): Find =>
  async q => {
    const jti = q.toLowerCase()
    const token = isUuid(jti) ? await administeredSignIns.findRevokedToken(jti) : null
    if (token === null) return []
    const note = `A single access token, revoked at ${token.revoked_at.toISOString()}.`
    return [{ kind: 'access_token', id: jti, label: jti, note }]
  }

const findEvent =
  ({ events }: Needs): Find =>
  async q => {
    const event = isUuid(q.toLowerCase()) ? await events.find({ id: q.toLowerCase(), user_id: null }) : null
    if (event === null) return []
    return [{ kind: 'event', id: event.id, label: event.kind, note: EVENT_KINDS[event.kind] }]
  }

/** What has no row of its own, and is known by the events that name it. */
const findByEvents =
  ({ events }: Needs): Find =>
  async q => {
    const named = q.toLowerCase()
    const address = parseAddress(q)
    const has = async (filter: Partial<EventFilter>) =>
      (await events.read({ filter: filterBy(filter), after: null, limit: 1 })).events[0]
    if (address !== null) return addressMatch(address, await has({ ip: address }))
    if (!isUuid(named)) return []
    const [ofRequest, ofToken] = await Promise.all([has({ request_id: named }), has({ jti: named })])
    return [
      ...(ofRequest === undefined ? [] : [seenMatch('request', named, ofRequest)]),
      ...(ofToken === undefined ? [] : [seenMatch('access_token', named, ofToken)]),
    ]
  }

const seenMatch = (kind: Match['kind'], id: string, { at, kind: event }: Event): Match => ({
  kind,
  id,
  label: id,
  note: `Last named by an event at ${at.toISOString()}: ${EVENT_KINDS[event]}`,
})

const addressMatch = (address: string, last: Event | undefined): readonly Match[] => [
  last === undefined
    ? { kind: 'address', id: address, label: address, note: 'An address. No event that is kept names it.' }
    : seenMatch('address', address, last),
]

const findByEmail =
  ({ administeredAccounts }: Needs): Find =>
  async q => {
    const email_prefix = normalizeEmail(q)
    if (email_prefix.length < PREFIX_LEAST || email_prefix.length > 254) return []
    const page = { after: null, limit: MATCHES_MOST }
    return (await administeredAccounts.list({ selection: { email_prefix }, ...page })).map(accountMatch)
  }

const findByExternalId =
  ({ administration, administeredAccounts }: Needs): Find =>
  async external_id => {
    const line = await administration.find({ external_id })
    const account = line && (await administeredAccounts.find(line.id))
    return account === null ? [] : [accountMatch(account)]
  }

const findClient =
  ({ clients }: Needs): Find =>
  async q => {
    const client = await clients.find(q)
    if (client === null) return []
    const { client_id, client_name = client_id, document_digest } = client
    const note =
      document_digest === undefined ? 'A client of an operator.' : 'A client that no operator has registered.'
    return [{ kind: 'client', id: client_id, label: client_name, note }]
  }

const keyMatches = (keys: Keys, q: string): readonly Match[] =>
  keys
    .published()
    .filter(({ kid }) => kid === q)
    .map(({ kid }) => ({
      kind: 'key',
      id: kid,
      label: kid,
      note: 'A published signing key, which was not revoked.',
    }))

/** What has no row any more, by the last event about it: a deleted account or client, a sign-in of long ago, a key that is gone. */
const createFindGone = ({ events }: Needs): Find => {
  const read = async (filter: Partial<EventFilter>, limit: number) =>
    (await events.read({ filter: filterBy(filter), after: null, limit })).events
  const lastAbout = async (q: string): Promise<Event | undefined> => {
    const id = q.toLowerCase()
    const ofId = [{ sid: id }, { sub: id, kind: 'account.deleted' }, { sub: id }] as const
    const filters = [{ client_id: q }, ...(isUuid(id) ? ofId : [])]
    const found = await Promise.all(filters.map(filter => read(filter, 1)))
    return found.flat()[0]
  }
  const lastOfKey = async (q: string): Promise<Event | undefined> => {
    if (!KID.test(q)) return undefined
    const found = await Promise.all(GONE_KEYS.map(kind => read({ kind }, KEY_EVENTS_MOST)))
    return found.flat().find(({ details }) => details['kid'] === q)
  }
  return async q => {
    const last = (await lastAbout(q)) ?? (await lastOfKey(q))
    if (last === undefined) return []
    const note = `Nothing of this name is kept but events. The last one, at ${last.at.toISOString()}: ${EVENT_KINDS[last.kind]}`
    return [{ kind: 'event', id: last.id, label: q, note }]
  }
}

/** RFC 7638 §3 – A thumbprint by SHA-256, or the name of a file. */
const KID = /^[\w-]{1,128}$/
const GONE_KEYS = ['key.revoked', 'key.retired'] as const
/** How many events of each kind are searched for the key, the newest first. Keys are made weeks apart. */
const KEY_EVENTS_MOST = 100

const accountMatch = ({
  id,
  email,
  disabled_at,
  roles,
}: Readonly<{ id: string; email: string; disabled_at: Date | null; roles: readonly string[] }>): Match => ({
  kind: 'account',
  id,
  label: email,
  note:
    disabled_at === null
      ? `An account with the roles ${roles.join(', ') || 'none'}.`
      : `An account, disabled at ${disabled_at.toISOString()}.`,
})
