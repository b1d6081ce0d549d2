import { aboutFamily } from '../domain/base/log-fields.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import { requireParameter } from '../domain/oauth/form.ts'
import { requestedScope } from '../domain/oauth/scope.ts'
import type { Grant } from './grant.ts'
import { type Rotate, readRefreshToken } from './rotate.ts'

/** RFC 6749 §6 – Refreshes an access token. */
export const createRefreshTokenGrant = ({
  rotate,
  peppers,
}: {
  rotate: Rotate
  peppers: Peppers
}): Grant => ({
  grant_type: 'refresh_token',
  exchange: async ({ client, form, source, idempotency_key }) => {
    const token = readRefreshToken(requireParameter(form, 'refresh_token'), peppers)
    const scope = requestedScope(form.get('scope'))
    const { tokens, refresh_token, family } = await rotate({
      client,
      token,
      // The token of a sign-in by cookie is refused here: the answer would put its successor where scripts can read it.
      refresh_transport: 'body',
      scope,
      resources: form.resources,
      idempotency_key,
      source,
    })
    return { tokens: { refresh_token, ...tokens }, about: aboutFamily(family) }
  },
})
