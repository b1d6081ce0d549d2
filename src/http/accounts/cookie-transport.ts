import { Problem } from '../../domain/base/problem.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { TokenPair } from '../../flows/sign-in/open-sign-in.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Csrf } from '../server/csrf.ts'
import { catchingProblems } from '../server/refusal.ts'
import type { Call, Reply } from '../server/route.ts'

type Needs = Readonly<{ cookie: Cookie; csrf: Csrf }>

/** Does what the cookie allows. `admits` tells whether the page that sent it is one of the client's. */
type Handle = (refresh_token: string, admits: (client: Client) => boolean) => Promise<Reply>

/** Ours (docs/decisions/0030) – The refresh token in a cookie instead of the body: set, read and cleared here and nowhere else. */
export const createCookieTransport = ({ cookie, csrf }: Needs) => ({
  /** What a token pair becomes: the refresh token leaves the body for the cookie. */
  deliver: ({ refresh_token, ...rest }: TokenPair) => ({
    body: rest,
    cookies: [cookie.write(refresh_token, rest.refresh_token_expires_in)],
  }),

  /**
   * Throws where the page that asks may not have this client's refresh token put into a cookie. Ours: a page of a stranger may not
   * plant a sign-in of its own in somebody's browser either. Programs send no Origin, and are nobody's browser.
   */
  admit: (call: Call, client: Client, refresh_transport: RefreshTransport): void => {
    if (refresh_transport === 'body') return
    if (call.header('origin') === undefined && call.header('sec-fetch-site') === undefined) return
    if (!csrf.isOf(call, client)) throw new Problem('ORIGIN_NOT_ALLOWED')
  },

  /** The cookie of a request that something else authenticates; null where it is not there, or the page is not the client's. */
  find: (call: Call, client: Client): string | null => (csrf.isOf(call, client) ? cookie.read(call) : null),

  isThere: (call: Call): boolean => cookie.read(call) !== null,

  /** True for what can only come from a browser. */
  isMeant: (call: Call): boolean => cookie.read(call) !== null || call.header('origin') !== undefined,

  /**
   * A request that the cookie authenticates. Every 401 clears it, so that a browser is not left with one that will never work
   * again; but only to a page of ours: a stranger's form must not be able to sign anybody out.
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

  /** For a sign-out that something else authenticated: the browser's cookie goes with it. */
  forget: (call: Call): Pick<Reply, 'cookies'> =>
    cookie.read(call) === null ? {} : { cookies: [cookie.clear] },

  clear: cookie.clear,
})

export type CookieTransport = ReturnType<typeof createCookieTransport>
