import { type Listening, listen } from '../listen.ts'
import { type Given, ISSUER, type Place } from '../server.ts'

/** As it is by default, limits included: each request comes from an address of its own, which a proxy vouches for. */
const DEFAULTS = {
  ISSUER,
  RATE_LIMIT_LOGIN: '',
  RATE_LIMIT_ACCOUNTS: '',
  RATE_LIMIT_TOKEN_FAILURES: '',
  TRUSTED_PROXIES: '127.0.0.1',
}

/** The account API behind a real listener. */
export const listenForAccounts = (place: Place, given: Given = {}): Promise<Listening> =>
  listen(place, { ...given, environment: { ...DEFAULTS, ...given.environment } })
