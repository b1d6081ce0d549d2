import { trySignIn } from '../accounts/account-api.ts'
import { codesOf, second } from '../accounts/factors.ts'
import { NEW_PASSWORD } from '../accounts/mail.ts'
import type { Answer, Body } from '../answer.ts'
import { type Askable, PASSWORD } from '../ask.ts'
import { INTROSPECTOR } from '../clients.ts'
import { createClock } from '../effects.ts'
import type { Residents } from './residents.ts'

/** What an access token of an ended sign-in is known by at the feed. */
type Ended = Pick<Body, 'access_token'>

/** `ended`: the sign-ins that are over when the answer is a success. */
type Deed = Readonly<{
  ask: (server: Askable, residents: Residents) => Promise<Answer>
  ended?: (residents: Residents) => readonly Ended[]
}>

/** What the people of a worker do, in this order. */
export const DEEDS: Readonly<Record<string, Deed>> = {
  'sign in': { ask: (server, { plain }) => trySignIn(server, plain.email) },
  'sign in with a code': {
    // The present step was spent by the enrolment.
    ask: (server, { factored: { email, secret } }) =>
      signInWith(server, email, () => ({ totp: codesOf(secret, createClock())(1) })),
  },
  'sign in with a recovery code': {
    ask: (server, { factored: { email, recovery_codes } }) =>
      signInWith(server, email, () => ({ recovery_code: recovery_codes[0] })),
  },
  refresh: {
    ask: (server, { plain: { refreshed } }) =>
      server.ask('/token', { form: { grant_type: 'refresh_token', ...ofApp(refreshed) } }),
  },
  introspect: { ask: (server, { plain: { kept } }) => introspect(server, kept) },
  'read the account': {
    ask: (server, { plain }) => server.ask('/auth/me', { token: plain.tokens.access_token }),
  },
  'export the account': {
    ask: (server, { plain }) => server.ask('/auth/me/export', { token: plain.tokens.access_token }),
  },
  revoke: {
    ask: (server, { plain: { revoked } }) =>
      server.ask('/revoke', { form: { token: revoked.refresh_token, client_id: 'app' } }),
    ended: ({ plain: { revoked } }) => [revoked],
  },
  'sign out': {
    ask: (server, { plain: { signedOut } }) =>
      server.ask('/auth/logout', { method: 'POST', token: signedOut.access_token }),
    ended: ({ plain: { signedOut } }) => [signedOut],
  },
  'sign out everywhere': {
    ask: (server, { leaving: { tokens } }) =>
      server.ask('/auth/logout', { token: tokens.access_token, body: { everywhere: true } }),
    ended: ({ leaving: { tokens, other } }) => [tokens, other],
  },
  'change the password': {
    ask: (server, { changing: { tokens } }) =>
      server.ask('/auth/password', {
        token: tokens.access_token,
        body: { current_password: PASSWORD, new_password: NEW_PASSWORD },
      }),
    ended: ({ changing: { other } }) => [other],
  },
}

export const introspect = (server: Askable, { access_token }: Ended): Promise<Answer> =>
  server.ask('/introspect', { form: { token: access_token }, headers: INTROSPECTOR })

const signInWith = async (server: Askable, email: string, proof: () => object): Promise<Answer> => {
  const begun = await trySignIn(server, email)
  return begun.body.code === 'AUTH_SECOND_FACTOR_REQUIRED'
    ? second(server, begun.body.handle, proof())
    : begun
}

const ofApp = ({ refresh_token }: Body) => ({ client_id: 'app', refresh_token })
