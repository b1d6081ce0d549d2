import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { TokenPair } from '../../flows/sign-in/open-sign-in.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Csrf } from '../server/csrf.ts'
import { catchingProblems } from '../server/refusal.ts'
import type { Call, Reply } from '../server/route.ts'

type Needs = Readonly<{ cookie: Cookie; csrf: Csrf }>

/** Handles a request that the cookie authenticates. `admits` is true where the page that sent it is one of the client's. */
type Handle = (refresh_token: string, admits: (client: Client) => boolean) => Promise<Reply>

/** Ours (docs/decisions/0030) – Sets, reads and clears the cookie that carries a refresh token. */
export const createCookieTransport = ({ cookie, csrf }: Needs) => ({
  /** Moves the refresh token of a pair from the body to the cookie. */
  deliver: ({ refresh_token, ...rest }: TokenPair) => ({
    body: rest,
    cookies: [cookie.write(refresh_token, rest.refresh_token_expires_in)],
  }),

  /**
   * Throws where the page that asks may not have this client's refresh token put into a cookie. Ours: a foreign page must not plant its own
   * sign-in in its visitor's browser either. Programs send neither Origin nor Fetch Metadata, and are admitted.
   */
  admit: (call: Call, client: Client, refresh_transport: RefreshTransport): void => {
    if (refresh_transport === 'body') return
    if (call.header('origin') === undefined && call.header('sec-fetch-site') === undefined) return
    if (!csrf.isOf(call, client)) throw new Problem('ORIGIN_NOT_ALLOWED')
  },

  /** The cookie of a request that an access token authenticates; null where it is absent, or the page is not the client's. */
  find: (call: Call, client: Client): string | null => (csrf.isOf(call, client) ? cookie.read(call) : null),

  isThere: (call: Call): boolean => cookie.read(call) !== null,

  /** True for a request that only a browser sends. */
  isMeant: (call: Call): boolean => cookie.read(call) !== null || call.header('origin') !== undefined,

  /**
   * Handles a request that the cookie authenticates. A 401 clears the cookie, so that no browser keeps a dead one. It is cleared for known
   * pages alone: a foreign form must not be able to sign its visitor out.
   */
  authenticate: async (call: Call, handle: Handle): Promise<Reply> => {
    const refresh_token = cookie.read(call)
    if (!csrf.isOurs(call))
      throw new Problem(refresh_token === null ? 'AUTH_TOKEN_MISSING' : 'ORIGIN_NOT_ALLOWED', {
        reason: 'cookie_origin',
      })
    const answer = catchingProblems(async () => {
      if (refresh_token === null) throw new Problem('AUTH_TOKEN_MISSING', { reason: 'cookie_missing' })
      return handle(refresh_token, client => csrf.isOf(call, client))
    })
    const reply = await answer(call)
    return reply.status === 401 ? { ...reply, cookies: [cookie.clear] } : reply
  },

  /** Clears the cookie after a sign-out that a token authenticated. */
  forget: (call: Call): Pick<Reply, 'cookies'> =>
    cookie.read(call) === null ? {} : { cookies: [cookie.clear] },

  clear: cookie.clear,
})

export type CookieTransport = ReturnType<typeof createCookieTransport>
