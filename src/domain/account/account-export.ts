import { describeDevice } from '../base/user-agent.ts'
import { type Account, presentAccount } from './account.ts'

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

/**
 * GDPR art. 15, 20 – The data that is kept about a person, in a machine-readable form. Digests and salts tell nothing about the person and
 * are left out.
 */
export const presentExport = <F>(
  account: Account,
  kept: Readonly<{ factors: F; sign_ins: readonly SignInRecord[] }>,
  now: Date,
) => ({
  exported_at: now.toISOString(),
  account: presentAccount(account),
  factors: kept.factors,
  sign_ins: kept.sign_ins.map(presentRecord),
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
