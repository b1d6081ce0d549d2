import { describeDevice } from '../base/user-agent.ts'
import type { Event } from '../events/event.ts'
import { presentEvent } from '../events/present-event.ts'
import { isAuthTimeKnown } from '../oauth/acr.ts'
import type { OwnAccount } from './account.ts'
import { type Profile, presentOwnAccount } from './profile.ts'

/** A stored sign-in: living, ended or expired. */
export type SignInRecord = Readonly<{
  id: string
  client_id: string
  scope: string
  amr: readonly string[]
  created_at: Date
  last_used_at: Date
  expires_at: Date
  revoked_at: Date | null
  revoke_reason: string | null
  last_ip: string | null
  last_user_agent: string | null
}>

/** Sign-ins of one export, at most. A person has fewer; a program that opened more must not fill the memory. */
export const SIGN_INS_AT_MOST = 5_000

/** The newest events of one export, at most. */
export const EVENTS_AT_MOST = 1_000

/** What an account keeps that its owner cannot see elsewhere. */
export type KeptAccount = Profile &
  Readonly<{ external_id: string | null; language: string | null; updated_at: Date }>

/** A stored browser session of the pages. */
export type SessionRecord = Readonly<{
  id: string
  amr: readonly string[]
  auth_time: Date
  created_at: Date
  expires_at: Date
  last_ip: string | null
  last_user_agent: string | null
}>

/** What was granted to an application, as pairs of a scope and a resource; nothing after a withdrawal. */
type GrantRecord = Readonly<{ client_id: string; granted: readonly string[]; granted_at: Date }>

/** The identity of the person at another provider. */
type LinkedRecord = Readonly<{
  id: string
  issuer: string
  subject: string
  email: string | null
  created_at: Date
}>

/** Everything that is kept about a person, beside the account itself. */
export type KeptData<F> = Readonly<{
  own: KeptAccount
  factors: F
  sign_ins: readonly SignInRecord[]
  browser_sessions: readonly SessionRecord[]
  consents: readonly GrantRecord[]
  identities: readonly LinkedRecord[]
  events: readonly Event[]
}>

/**
 * GDPR art. 15, 20 – The data that is kept about a person, in a machine-readable form. Digests and salts tell nothing about the person and
 * are left out.
 */
export const presentExport = <F>(account: OwnAccount, kept: KeptData<F>, now: Date) => ({
  exported_at: now.toISOString(),
  account: {
    ...presentOwnAccount(account, kept.own),
    external_id: kept.own.external_id,
    language: kept.own.language,
  },
  factors: kept.factors,
  sign_ins: kept.sign_ins.map(presentRecord),
  browser_sessions: kept.browser_sessions.map(presentSession),
  consents: kept.consents.map(({ client_id, granted, granted_at }) => ({
    client_id,
    granted,
    granted_at: granted_at.toISOString(),
  })),
  identities: kept.identities.map(({ id, issuer, subject, email, created_at }) => ({
    id,
    issuer,
    subject,
    email,
    created_at: created_at.toISOString(),
  })),
  events: kept.events.map(presentEvent),
})

const presentSession = ({ last_ip, last_user_agent, ...session }: SessionRecord) => ({
  id: session.id,
  amr: session.amr,
  auth_time: isAuthTimeKnown(session.auth_time) ? session.auth_time.toISOString() : null,
  created_at: session.created_at.toISOString(),
  expires_at: session.expires_at.toISOString(),
  ip: last_ip,
  user_agent: last_user_agent,
  device: describeDevice(last_user_agent),
})

const presentRecord = ({ last_ip, last_user_agent, ...record }: SignInRecord) => ({
  id: record.id,
  client_id: record.client_id,
  scope: record.scope,
  amr: record.amr,
  created_at: record.created_at.toISOString(),
  last_used_at: record.last_used_at.toISOString(),
  expires_at: record.expires_at.toISOString(),
  ended_at: record.revoked_at?.toISOString() ?? null,
  ended_because: record.revoke_reason,
  ip: last_ip,
  user_agent: last_user_agent,
  device: describeDevice(last_user_agent),
})
