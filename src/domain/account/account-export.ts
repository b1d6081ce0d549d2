import { describeDevice } from '../base/user-agent.ts'
import { type Account, presentAccount } from './account.ts'

/** A sign-in as it is kept: living, ended or expired. */
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

/** Sign-ins of one export: a person has fewer, and a program that made more must not fill the memory with them. */
export const SIGN_INS_AT_MOST = 5_000

/** GDPR art. 15, 20 – What is kept of a person, in a form that other programs read. No digest and no salt: they are no data about anybody. */
export const presentExport = <F>(
  account: Account,
  kept: Readonly<{ factors: F; sign_ins: readonly SignInRecord[] }>,
  now: Date,
) => ({
  exported_at: now.toISOString(),
  account: presentAccount(account),
  factors: kept.factors,
  sign_ins: kept.sign_ins.map(presentSignIn),
})

const presentSignIn = ({ last_ip, last_user_agent, ...record }: SignInRecord) => ({
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
