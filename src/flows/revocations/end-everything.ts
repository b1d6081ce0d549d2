import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import { fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Endings } from '../../ports/revocations.ts'

type Needs = Readonly<{ accounts: Accounts; endings: Endings; issuer: string }>
type Members = Readonly<Record<string, unknown>>

/**
 * draft-parecki-oauth-global-token-revocation – Ends every sign-in and every token of a person (`sub_id`), or, ours, of a client
 * (`client_id`). Idempotent. Throws a Problem for an unknown subject.
 */
export const createEndEverything = ({ accounts, endings, issuer }: Needs) => {
  const endPerson = async (sub_id: Members) => {
    const sub = await findSubject(sub_id)
    const ended = sub !== null && isUuid(sub) ? await endings.endPerson(sub) : null
    if (sub === null || ended === null) throw new Problem('NOT_FOUND', { reason: 'subject_unknown' })
    return { ended_sub: sub }
  }

  /** RFC 9493 §3.2 – `opaque` and `iss_sub` name a `sub`, `email` an address. */
  const findSubject = async ({ format, id, iss, sub, email }: Members): Promise<string | null> => {
    if (format === 'opaque' && typeof id === 'string') return id
    if (format === 'iss_sub' && typeof iss === 'string' && typeof sub === 'string')
      return iss === issuer ? sub : null
    if (format === 'email' && typeof email === 'string') return findByEmail(normalizeEmail(email))
    const detail = 'must be of format opaque, iss_sub or email, with its members'
    throw fieldInvalid({ pointer: '#/sub_id', detail }, { reason: 'sub_id_format' })
  }

  /** A malformed e-mail, which no account can have, causes no query. */
  const findByEmail = async (email: string): Promise<string | null> =>
    judgeEmail(email) === null ? ((await accounts.findByEmail(email))?.id ?? null) : null

  return async ({ sub_id, client_id }: Members): Promise<Members> => {
    if ((sub_id === undefined) === (client_id === undefined))
      throw new Problem('REQUEST_MALFORMED', { reason: 'neither_or_both' })
    if (client_id === undefined) {
      if (typeof sub_id !== 'object' || sub_id === null)
        throw new Problem('REQUEST_MALFORMED', { reason: 'sub_id' })
      return endPerson({ ...sub_id })
    }
    if (typeof client_id !== 'string' || !/^[\x20-\x7e]{1,1024}$/.test(client_id))
      throw new Problem('REQUEST_MALFORMED', { reason: 'client_id' })
    // Also for a client that is no longer registered: its tokens may still live.
    await endings.endClient(client_id)
    return { ended_client_id: client_id }
  }
}

export type EndEverything = ReturnType<typeof createEndEverything>
