import { restartPathOf } from '../../domain/authorization/authorization-request.ts'
import {
  INTERACTION_SECONDS,
  type Interaction,
  passkeyChallengeOf,
  type SealedInteraction,
  sealInteraction,
  unsealInteraction,
} from '../../domain/authorization/interaction-seal.ts'
import { digestOf } from '../../domain/base/digest.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import { type PasskeyRequest, requestOptions } from '../../domain/factors/passkey.ts'
import { NONCE_BYTES } from '../../domain/factors/sealed-secret.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { type BrowserSession, sessionSecretOf } from '../../domain/sign-in/browser-session.ts'
import { presentedSessionOf, type SignedInOnPages } from '../../flows/sign-in/browser-sign-in.ts'
import type { BrowserSessions } from '../../ports/authorization.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import { type Page } from '../layout/layout.ts'
import { ADDRESS_MAX_CHARACTERS } from '../pages/request-link.ts'
import type { Cookie, CookieSet } from '../server/cookies.ts'
import { pageReply } from '../server/page-reply.ts'
import { type Call, NO_STORE, type Reply } from '../server/route.ts'
import { DEVICE_SECONDS } from '../server/seen.ts'

type Needs = Readonly<{
  browserSessions: BrowserSessions
  peppers: Peppers
  random: Random
  clock: Clock
  sessionCookie: Cookie
  /**
   * Each names a browser before its person is known, so that a form of one browser is worth nothing in another. A browser has more than one
   * when it opened several tabs at once without any, as it does when it restores a session.
   */
  browserCookies: CookieSet
  deviceCookie: Cookie
  session_max_seconds: number
}>

/** A page of an interaction: where it is, and what it shows. */
export type Shown = Readonly<{ path: string; page: (sealed: SealedInteraction) => Page; status?: number }>

const BROWSER_ID_BYTES = 16
/** Tabs that a browser may open at once without a cookie, and finish. Above that, the earliest cookies are cleared. */
const BROWSER_COOKIES_AT_MOST = 20
/** As long as a page may be filled in, and as long again: the cookie must not go before the page does. */
const BROWSER_SECONDS = 2 * INTERACTION_SECONDS

/** How an interaction travels from page to page: sealed in the address or in a hidden field, bound to the browser by a cookie. */
export const createInteractions = (needs: Needs) => {
  const { browserSessions, sessionCookie, deviceCookie } = needs
  const seal = createSeal(needs)
  /** Begins one; null: without a request, for a person who came to the pages by themselves. */
  const begin = (request: Interaction['request']): Interaction => ({
    request,
    begun_at: Math.floor(needs.clock().getTime() / 1000),
    session_id: null,
    second_factor: null,
  })
  return {
    findSession: async (call: Call): Promise<BrowserSession | null> => {
      const presented = presentedSessionOf(sessionCookie.read(call))
      return presented === null ? null : browserSessions.find(presented)
    },

    presentedSession: (call: Call) => presentedSessionOf(sessionCookie.read(call)),

    begin,

    /** Leads a person who is not signed in to the sign-in, and from there on to the page of this address. */
    leadToSignIn: (call: Call, path = call.context.req.path): Reply => {
      const interaction = { ...begin(null), path }
      const { sealed, cookies } = seal(call, interaction)
      if (sealed.length > ADDRESS_MAX_CHARACTERS) return seeOther('/sign-in')
      const query = new URLSearchParams({ request: sealed, ...localesOf(call, interaction) })
      return { ...seeOther(`/sign-in?${query.toString()}`), cookies }
    },

    /** The interaction of a form or an address. Throws a Problem for one that is changed, of another browser, or too old. */
    open: (call: Call, sealed: string | undefined): Interaction => openInteraction(needs, call, sealed),

    /** Shows a page that was asked for by its address, or that answers a form with what is wrong with it. */
    show: (call: Call, interaction: Interaction, { page, status = 200 }: Shown): Reply => {
      const { sealed, cookies } = seal(call, interaction)
      return { ...pageReply(call, status, page(sealed)), cookies }
    },

    /** RFC 9110 §15.4.4 – Leads to a page by its own address, so that it can be reloaded; shows it at once where the address is too long. */
    lead: (call: Call, interaction: Interaction, { path, page }: Shown): Reply => {
      const { sealed, cookies } = seal(call, interaction)
      const query = new URLSearchParams({ request: sealed, ...localesOf(call, interaction) })
      const address = `${path}?${query.toString()}`
      const reply =
        address.length > ADDRESS_MAX_CHARACTERS ? pageReply(call, 200, page(sealed)) : seeOther(address)
      return { ...reply, cookies }
    },

    /** The cookies of a person who has just signed in. */
    cookiesOf: ({ secret, device_token }: SignedInOnPages): readonly string[] => [
      sessionCookie.write(secret, needs.session_max_seconds),
      deviceCookie.write(device_token, DEVICE_SECONDS),
    ],

    /** The secret under which a session goes on after a change of credentials: for the store, and for the browser. */
    nextSecretOf: ({ account }: BrowserSession) => {
      const secret = sessionSecretOf({ user_id: account.id, random: needs.random.bytes(SECRET_BYTES) })
      const next_cookie = sessionCookie.write(secret, needs.session_max_seconds)
      return { next_digest: digestOf(secret), next_cookie }
    },

    forgetSession: sessionCookie.clear,
  }
}

/** What the sign-in page asks the browser for: a passkey of this server, under the challenge of the page. */
export type PasskeyRequestOf = (sealed: SealedInteraction) => PasskeyRequest

export const createPasskeyRequestOf =
  ({ rp_id }: Readonly<{ rp_id: string }>): PasskeyRequestOf =>
  sealed =>
    requestOptions({ rp_id, challenge: passkeyChallengeOf(sealed), passkeys: [] })

/** What the page of the second factor shows of an offer. */
export const shownFactorsOf = (
  offer: Pick<NonNullable<Interaction['second_factor']>, 'factors' | 'passkey'> | null,
) => ({
  factors: offer?.factors ?? [],
  passkey: offer?.passkey ?? null,
})

export type Interactions = ReturnType<typeof createInteractions>

/** The sign-up page of an invitation. */
export const invitationPath = (invitation: string): string =>
  `/sign-up?${new URLSearchParams({ invitation }).toString()}`

/** RFC 9110 §15.4.4, RFC 9700 §4.12 – Never 307: it would hand the form to the next address. */
export const seeOther = (location: string): Reply => ({
  status: 303,
  body: null,
  headers: { ...NO_STORE, Location: location },
})

/** OpenID Connect Core §3.1.2.1 – The languages that the person has chosen on a page, or else those that the client asked for. */
const localesOf = ({ context }: Call, { request }: Interaction) => {
  const chosen = /^[\w-]{1,40}$/.exec(context.req.query('ui_locales') ?? '')?.[0]
  const ui_locales = chosen ?? request?.ui_locales
  return ui_locales ? { ui_locales } : {}
}

/** Under the latest cookie of the browser, or a new one. */
const createSeal =
  ({ peppers, random, browserCookies }: Needs) =>
  (call: Call, interaction: Interaction) => {
    const known = browserCookies.read(call)
    const browser_id = known.at(-1) ?? Buffer.from(random.bytes(BROWSER_ID_BYTES)).toString('base64url')
    const sealed = sealInteraction(interaction, { browser_id, nonce: random.bytes(NONCE_BYTES) }, peppers)
    const surplus = known.slice(0, -BROWSER_COOKIES_AT_MOST)
    return {
      sealed,
      cookies: [browserCookies.write(browser_id, BROWSER_SECONDS), ...surplus.map(browserCookies.clear)],
    }
  }

const openInteraction = (
  { peppers, clock, browserCookies }: Needs,
  call: Call,
  sealed: string | undefined,
): Interaction => {
  const browsers = browserCookies.read(call).slice(-BROWSER_COOKIES_AT_MOST)
  if (sealed === undefined || browsers.length === 0)
    throw new Problem('PAGE_FOREIGN', { reason: 'page_seal_missing' })
  const now = clock()
  for (const browser_id of browsers) {
    const unsealed = unsealInteraction(sealed, { browser_id }, { peppers, now })
    if (unsealed.outcome === 'open') return unsealed.interaction
    if (unsealed.outcome === 'expired')
      throw new Problem('PAGE_EXPIRED', { members: { restart: restartOf(unsealed.interaction) } })
  }
  throw new Problem('PAGE_FOREIGN', { reason: 'page_seal_of_another_browser' })
}

/** The address at which the same begins again: a page that only asks, so that it is safe. */
const restartOf = ({ request, invitation, path }: Interaction): string | null => {
  if (invitation !== undefined) return invitationPath(invitation)
  return request === null ? (path ?? '/sign-in') : restartPathOf(request)
}
