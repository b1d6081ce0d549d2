import { type AssertionIssuer, accountKeyOf } from '../../domain/exchange/assertion-issuers.ts'
import { REVOCATION_JWT_TYPE } from '../../domain/exchange/issuer-assertion.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { type IssuerJwt, peekType, type VerifyByIssuer } from '../../grants/verification/verify-by-issuer.ts'
import type { AssertedAccounts } from '../../ports/accounts.ts'
import type { Endings } from '../../ports/revocations.ts'

type Needs = Readonly<{
  verifyByIssuer: VerifyByIssuer
  assertedAccounts: AssertedAccounts
  endings: Pick<Endings, 'endPerson'>
  issuer: string
}>

type Members = Readonly<Record<string, unknown>>

/**
 * draft-parecki-oauth-global-token-revocation §3 – A listed identity provider ends everything of a person, by a JWT that it has signed. Ours:
 * it names its own people alone, as ASSERTION_ISSUERS_FILE says how they are found, and no client. The JWT does not hold the body, and is
 * therefore good once: a copy of it cannot name another person.
 */
export const createEndByIssuer = ({ verifyByIssuer, assertedAccounts, endings, issuer }: Needs) => ({
  /** Null where the header has no such JWT: only an administrator may be the caller then. Throws a Problem for one that is not taken. */
  authenticate: async (authorization: string | undefined): Promise<IssuerJwt | null> => {
    const [, jwt = ''] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? []
    if (peekType(jwt) !== REVOCATION_JWT_TYPE) return null
    const audiences = [issuer, `${issuer}/global-token-revocation`]
    const verified = await verifyByIssuer.verify(jwt, { typ: REVOCATION_JWT_TYPE, audiences })
    if ('refusal' in verified || !verified.issuer.global_token_revocation)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'issuer_jwt_refused' })
    return verified
  },

  /** The account whose sign-ins and tokens have been ended. Throws a Problem, a 404 for a person whom the issuer cannot name. */
  end: async (jwt: IssuerJwt, { sub_id }: Members): Promise<Readonly<{ ended_sub: string }>> => {
    if (typeof sub_id !== 'object' || sub_id === null)
      throw new Problem('REQUEST_MALFORMED', { reason: 'sub_id' })
    const named = subjectOf(jwt.issuer, { ...sub_id })
    if (!(await verifyByIssuer.spend(jwt)))
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'issuer_jwt_replayed' })
    const key = named === null ? null : accountKeyOf(jwt.issuer, named)
    const account = key === null ? null : await assertedAccounts.find(key)
    const ended = account === null ? null : await endings.endPerson(account.id)
    if (account === null || ended === null) throw new Problem('NOT_FOUND', { reason: 'subject_unknown' })
    return { ended_sub: account.id }
  },
})

/** RFC 9493 §3.2 – Null for a person of another issuer. Throws a 400 for what is no subject that an issuer may name. */
const subjectOf = ({ issuer }: AssertionIssuer, { format, iss, sub, email }: Members) => {
  if (format === 'iss_sub' && typeof iss === 'string' && typeof sub === 'string')
    return iss === issuer ? { sub } : null
  if (format === 'email' && typeof email === 'string') return { email }
  throw new Problem('REQUEST_MALFORMED', { reason: 'sub_id' })
}

export type EndByIssuer = ReturnType<typeof createEndByIssuer>
