import type { Person } from '../domain/account/profile.ts'
import { aboutFamily } from '../domain/base/log-fields.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import { requireParameter } from '../domain/oauth/form.ts'
import { requestedScope } from '../domain/oauth/scope.ts'
import type { Accounts } from '../ports/accounts.ts'
import type { Grant } from './grant.ts'
import type { Issue } from './issue.ts'
import { refreshTokenSecondsOf } from './mint-family.ts'
import { type Rotate, type Rotated, readRefreshToken } from './rotate.ts'

type Needs = Readonly<{
  rotate: Rotate
  issue: Issue
  accounts: Pick<Accounts, 'findPerson'>
  peppers: Peppers
}>

/** RFC 6749 §6 – Refreshes an access token. */
export const createRefreshTokenGrant = (needs: Needs): Grant => ({
  grant_type: 'refresh_token',
  handsOriginDown: true,
  exchange: async ({ client, form, source, idempotency_key, proveSender }) => {
    const token = readRefreshToken(requireParameter(form, 'refresh_token'), needs.peppers)
    const scope = requestedScope(form.get('scope'))
    const rotated = await needs.rotate({
      client,
      token,
      // The token of a sign-in by cookie is refused here: the answer would put its successor where scripts can read it.
      refresh_transport: 'body',
      scope,
      resources: form.resources,
      jkt: await proveSender(),
      idempotency_key,
      source,
    })
    const { tokens, refresh_token, family } = rotated
    const id_token = await idTokenOf(needs, rotated)
    return {
      tokens: {
        refresh_token,
        refresh_token_expires_in: refreshTokenSecondsOf(family),
        ...tokens,
        ...(id_token === null ? {} : { id_token }),
      },
      about: aboutFamily(family),
    }
  },
})

/** OpenID Connect Core §12.2 – Of the same sign-in, with the person's claims as they are now; no nonce. Null without the scope `openid`. */
const idTokenOf = async (
  { issue, accounts }: Needs,
  { family, tokens: { scope = '', access_token } }: Rotated,
): Promise<string | null> => {
  if (!scope.split(' ').includes('openid')) return null
  const person = await findPersonIfThere(accounts, family.user_id)
  return person && issue.idToken({ family, person, nonce: null, scope, access_token })
}

/** §12.2 lets the ID token be absent; a refusal would lose the refresh token, which is rotated by now. */
const findPersonIfThere = async (
  accounts: Pick<Accounts, 'findPerson'>,
  user_id: string,
): Promise<Person | null> => {
  try {
    return await accounts.findPerson(user_id)
  } catch (error) {
    if (error instanceof Unavailable) return null
    throw error
  }
}
