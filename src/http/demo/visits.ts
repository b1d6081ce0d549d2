import type { TokenResponse } from '../../domain/oauth/token-response.ts'
import type { Random } from '../../ports/effects.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Call } from '../server/route.ts'

/** RFC 9700 §2.1, OpenID Connect Core §3.1.2.1 – What an application remembers of a request while the person is away. */
export type BegunVisit = Readonly<{
  stage: 'begun'
  state: string
  nonce: string
  code_verifier: string
  /** Of the code's redemption and its retries: a page that loads twice must not look like a stolen code. */
  idempotency_key: string
  /** Languages that the person has asked for; undefined: those of the browser. */
  ui_locales: string | undefined
}>

export type SignedInVisit = Readonly<{
  stage: 'signed_in'
  tokens: TokenResponse
  /** Of the next refresh and its retries: a button that is pressed twice must not look like a stolen token. */
  idempotency_key: string
  /** What came of the last refresh: null before the first one, or the `error` of one that left the tokens as they were. */
  refreshed: null | 'done' | Readonly<{ error: string }>
}>

/** The `error` with which the server answered. */
export type RefusedVisit = Readonly<{ stage: 'refused'; error: string }>

export type DemoVisit = BegunVisit | SignedInVisit | RefusedVisit

type Needs = Readonly<{ cookie: Cookie; random: Random }>

/** The oldest visit goes when there are more: a stranger who begins without end fills no memory. */
const VISITS_MAX = 500
const VISIT_SECONDS = 86_400
const ID_BYTES = 32

/** The sessions of the demo application, in memory: it is served by one process, and a restart signs its visitors out. */
export const createDemoVisits = ({ cookie, random }: Needs) => {
  const visits = new Map<string, DemoVisit>()
  const forget = (call: Call): string => {
    visits.delete(cookie.read(call) ?? '')
    return cookie.clear
  }
  return {
    find: (call: Call): DemoVisit | null => visits.get(cookie.read(call) ?? '') ?? null,

    /** Under a new id, whatever the browser brought. Returns the Set-Cookie. */
    open: (call: Call, visit: DemoVisit): string => {
      forget(call)
      for (const id of visits.keys()) {
        if (visits.size < VISITS_MAX) break
        visits.delete(id)
      }
      const id = Buffer.from(random.bytes(ID_BYTES)).toString('base64url')
      visits.set(id, visit)
      return cookie.write(id, VISIT_SECONDS)
    },

    /** Under the same id; does nothing when the visit was forgotten meanwhile. */
    replace: (call: Call, visit: DemoVisit): void => {
      const id = cookie.read(call) ?? ''
      if (visits.has(id)) visits.set(id, visit)
    },

    /** Returns the Set-Cookie. */
    forget,
  }
}

export type Visits = ReturnType<typeof createDemoVisits>
