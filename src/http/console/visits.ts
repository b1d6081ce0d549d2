import { z } from 'zod'
import type { Peppers } from '../../domain/base/pepper.ts'
import { NONCE_BYTES, sealText, unsealText } from '../../domain/factors/sealed-secret.ts'
import type { Random } from '../../ports/effects.ts'
import { type Cookie, createCookie } from '../server/cookies.ts'
import type { Call } from '../server/route.ts'

/** RFC 9700 §2.1 – A browser that has been sent to the sign-in. `browser` binds the `state` of each request to it. */
const BEGUN = z.object({ stage: z.literal('begun'), browser: z.string() })

/** A person who is signed in to the console, with the tokens by which the console asks the API. */
const SIGNED_IN = z.object({
  stage: z.literal('signed_in'),
  browser: z.string(),
  sid: z.string(),
  email: z.string(),
  access_token: z.string(),
  /** Seconds since 1970. */
  expires_at: z.number(),
  refresh_token: z.string(),
  /** Of the next refresh, from whichever tab it comes. */
  idempotency_key: z.string(),
  /** Seconds since 1970, from which on the person signs in again. */
  until: z.number(),
})

const VISIT = z.discriminatedUnion('stage', [BEGUN, SIGNED_IN])

export type ConsoleVisit = z.output<typeof VISIT>
export type ConsoleSignedIn = z.output<typeof SIGNED_IN>

/** What the answer to the sign-in has to bring back, sealed for the browser that was sent there. */
const STATE = z.object({
  path: z.string(),
  code_verifier: z.string(),
  idempotency_key: z.string(),
  begun_at: z.number(),
})
export type ConsoleState = z.output<typeof STATE>

type Needs = Readonly<{ console_url: string; peppers: Peppers; random: Random }>

/** Seconds for which a browser keeps the cookie: a working day. */
export const CONSOLE_SECONDS = 43_200

/** RFC 6265 §6.1 – Of a cookie with its name and attributes. */
const COOKIE_MAX_CHARACTERS = 4096

/**
 * Ours (docs/decisions/0058) – The cookie of the console. All of it is sealed, so that the browser holds no token that it could read, and
 * nothing is stored here: each instance behind CONSOLE_URL can open what another one has sealed.
 */
export const createConsoleVisits = ({ console_url, peppers, random }: Needs) => {
  const [pepper] = peppers
  const cookie: Cookie = createCookie('signet-console', console_url, 'Lax', '/console')
  const owner = `cookie of ${console_url}`
  const write = (visit: ConsoleVisit): string => {
    const nonce = random.bytes(NONCE_BYTES)
    return cookie.write(
      sealText(JSON.stringify(visit), { use: 'console', owner, nonce }, pepper),
      CONSOLE_SECONDS,
    )
  }
  const ownerOfState = (browser: string) => `state of browser ${browser}`
  return {
    /** Null without a cookie, and for one that was changed, or that a version with another shape has sealed. */
    find: (call: Call): ConsoleVisit | null => {
      const text = cookie.read(call)
      const opened = text === null ? null : unsealText(text, { use: 'console', owner }, peppers)
      const parsed = opened === null ? null : VISIT.safeParse(JSON.parse(opened))
      return parsed?.success ? parsed.data : null
    },
    write,
    /** RFC 6265 §6.1 – False for a visit that browsers may not keep: its access token is too long. */
    isKept: (visit: ConsoleVisit): boolean => write(visit).length <= COOKIE_MAX_CHARACTERS,
    clear: cookie.clear,
    sealState: (state: ConsoleState, browser: string): string =>
      sealText(
        JSON.stringify(state),
        { use: 'console', owner: ownerOfState(browser), nonce: random.bytes(NONCE_BYTES) },
        pepper,
      ),
    /** Null for a state of another browser. */
    openState: (text: string, browser: string): ConsoleState | null => {
      const opened = unsealText(text, { use: 'console', owner: ownerOfState(browser) }, peppers)
      return opened === null ? null : STATE.parse(JSON.parse(opened))
    },
  }
}

export type ConsoleVisits = ReturnType<typeof createConsoleVisits>
