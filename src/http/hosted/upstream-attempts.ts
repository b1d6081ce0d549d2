import type { Peppers } from '../../domain/base/pepper.ts'
import { NONCE_BYTES } from '../../domain/factors/sealed-secret.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { formOriginsOf, type Upstream } from '../../domain/upstream/upstream.ts'
import {
  attemptKeyOf,
  sealAttempt,
  UPSTREAM_SECONDS,
  type UpstreamAttempt,
  unsealAttempt,
} from '../../domain/upstream/upstream-attempt.ts'
import type { AskIdentity } from '../../flows/upstream/ask-identity.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import { goOnPage } from '../pages/go-on.ts'
import type { Cookie, KeyedCookies } from '../server/cookies.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import type { Call, Reply } from '../server/route.ts'
import { seeOther } from './interactions.ts'

type Needs = Readonly<{
  askIdentity: AskIdentity
  peppers: Peppers
  random: Random
  clock: Clock
  attemptCookies: KeyedCookies
  deviceCookie: Cookie
}>

type Begun = Pick<UpstreamAttempt, 'interaction' | 'adding' | 'isFresh' | 'max_age'>

/** RFC 7636 §4.1 – 256 bits each. */
const SECRET_BYTES = 32
/** RFC 6265 §6.1 – A browser keeps a cookie of 4,096 bytes with its name and its attributes. */
const COOKIE_MAX_CHARACTERS = 3_900
/** Sign-ins at providers that a browser may have open beside a new one. Node reads 16 kB of headers. */
const OTHERS_AT_MOST = 2

/** How a sign-in at a provider is bound to the browser that began it: by a sealed cookie, which its `state` names. */
export const createUpstreamAttempts = (needs: Needs) => {
  const { askIdentity, peppers, random, clock, attemptCookies, deviceCookie } = needs
  const secret = () => Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')
  return {
    /** Sends the browser to the provider. */
    begin: async (call: Call, upstream: Upstream, begun: Begun): Promise<Reply> => {
      const attempt = {
        ...begun,
        upstream: upstream.id,
        state: secret(),
        nonce: secret(),
        code_verifier: secret(),
        begun_at: Math.floor(clock().getTime() / 1000),
        device_token: deviceCookie.read(call),
        language: languageFor(call),
      }
      const sealed = sealAttempt(attempt, random.bytes(NONCE_BYTES), peppers)
      if (sealed.length > COOKIE_MAX_CHARACTERS)
        throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_too_long' })
      const address = await askIdentity.addressOf(upstream, attempt)
      const surplus = attemptCookies.keys(call).slice(0, -OTHERS_AT_MOST)
      const cookies = [
        attemptCookies.write(attemptKeyOf(attempt.state), sealed, UPSTREAM_SECONDS),
        ...surplus.map(attemptCookies.clear),
      ]
      const reply = formOriginsOf(upstream).includes(new URL(address).origin)
        ? seeOther(address)
        : pageReply(call, 200, goOnPage({ address, provider: upstream.label }))
      return { ...reply, cookies, log: { upstream: upstream.id } }
    },

    /** RFC 6749 §10.12 – The attempt of this browser that an answer belongs to. Throws a Problem where there is none. */
    take: (call: Call, id: string, state: string | undefined): UpstreamAttempt => {
      const restart = { members: { restart: '/sign-in' } }
      const sealed = state === undefined ? null : attemptCookies.read(call, attemptKeyOf(state))
      const attempt = state === undefined || sealed === null ? null : unsealAttempt(sealed, state, peppers)
      if (attempt === null || attempt.upstream !== id)
        throw new Problem('UPSTREAM_OVER', { reason: 'state_unknown', ...restart })
      if (clock().getTime() / 1000 - attempt.begun_at > UPSTREAM_SECONDS)
        throw new Problem('UPSTREAM_OVER', { reason: 'attempt_expired', ...restart })
      return attempt
    },

    /** Clears the cookie of an attempt, which is accepted with one answer only. */
    forget: ({ state }: Pick<UpstreamAttempt, 'state'>): string => attemptCookies.clear(attemptKeyOf(state)),
  }
}

export type UpstreamAttempts = ReturnType<typeof createUpstreamAttempts>
