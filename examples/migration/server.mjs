// @ts-check
// An Express application that moves from sessions to tokens, by flags: see README.md beside it.
import { createHash, randomBytes } from 'node:crypto'
import express from 'express'
import { createRemoteJWKSet } from 'jose'
import { authOf, createExpressProtect } from 'signetd-verify/node'
import { verifyHook } from '../hooks/verify-hook.mjs'
import { keyOf, openSessions, SESSION_SECONDS } from './sessions.mjs'
import { createTokens } from './tokens.mjs'

const {
  ISSUER: issuer = 'http://localhost:8080',
  AUDIENCE: audience = 'http://localhost:3000',
  PUBLIC_URL: publicUrl = 'http://localhost:3000',
  CLIENT_ID: client_id = 'shop',
  CLIENT_SECRET: client_secret = '',
  SESSIONS_DIR = './sessions',
  /** JSON: the people of the application, by e-mail. */
  USERS = '{"ada@example.com":{"id":"01890000-0000-7000-8000-000000000001","password":"correct horse"}}',
} = process.env
const isOn = (/** @type {string} */ name) => process.env[name] === 'true'
/** The steps. ENABLE_SESSIONS is on until it is set to false. */
const takesTokens = isOn('ACCEPT_TOKENS')
const exchanges = isOn('EXCHANGE_SESSIONS')
const signsInAtSignet = isOn('SIGN_IN_AT_SIGNET')
const enabled = process.env['ENABLE_SESSIONS'] !== 'false'

const sessions = openSessions(SESSIONS_DIR)
const signet = createTokens({ issuer, client_id, client_secret })
const hookUrl = `${publicUrl}/hooks/session`
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
const uses = { token: 0, session: 0 }

const COOKIE = {
  httpOnly: true,
  sameSite: /** @type {const} */ ('lax'),
  secure: publicUrl.startsWith('https:'),
}

/** @type {(request: express.Request) => Partial<Record<string, string>>} */
const cookiesOf = request =>
  Object.fromEntries((request.get('cookie') ?? '').split('; ').map(each => each.split(/=(.*)/s).slice(0, 2)))

/** @type {(response: express.Response, tokens: import('./tokens.mjs').Tokens) => void} */
const keep = (response, { access_token, expires_in, refresh_token, refresh_token_expires_in = 0 }) => {
  // The browser forgets the access token before it expires.
  response.cookie('access', access_token, { ...COOKIE, maxAge: expires_in * 800 })
  if (refresh_token !== undefined)
    response.cookie('refresh', refresh_token, { ...COOKIE, maxAge: refresh_token_expires_in * 1000 })
}

/** @type {(request: express.Request, response: express.Response) => void} */
const forget = (request, response) => {
  sessions.end(cookiesOf(request)['session'])
  for (const name of ['session', 'access', 'refresh']) response.clearCookie(name, COOKIE)
}

/**
 * Gives the request the token that its browser keeps: refreshed where it has expired, and exchanged for the session of a browser that has
 * none. While Signet is away the request goes on with its session.
 * @type {express.RequestHandler}
 */
const bringToken = async (request, response, next) => {
  const { access, refresh, session } = cookiesOf(request)
  if (!takesTokens || request.headers.authorization !== undefined) return next()
  if (access !== undefined) request.headers.authorization = `Bearer ${access}`
  else if (refresh !== undefined || (exchanges && sessions.find(session) !== null)) {
    const tokens = await (refresh === undefined ? signet.exchange(session ?? '') : signet.refresh(refresh))
    if (typeof tokens === 'object') {
      keep(response, tokens)
      request.headers.authorization = `Bearer ${tokens.access_token}`
    }
    // The sign-in was ended, at another device or by an operator: the session must not go on in its place.
    if (tokens === 'refused' && refresh !== undefined) {
      forget(request, response)
      return void response.sendStatus(401)
    }
  }
  return next()
}

const protect = createExpressProtect(
  { issuer, audience },
  {
    recognise: (/** @type {express.Request} */ request) => {
      const session = sessions.find(cookiesOf(request)['session'])
      return session && { sub: session.user_id, auth_time: session.auth_time }
    },
    enabled,
    onUse: ({ by }) => {
      uses[by] += 1
    },
  },
)

const app = express()

/** Signet asks whose session it is that this application exchanges. */
app.post('/hooks/session', express.text({ type: 'application/json' }), async (request, response) => {
  const signature = request.get('signet-signature') ?? ''
  const question = await verifyHook(signature, String(request.body), { keys, url: hookUrl }).catch(() => null)
  if (question?.hook !== 'session') return void response.sendStatus(401)
  const session = sessions.find(question.subject_token)
  if (session === null) return void response.json({ active: false })
  const { user_id, auth_time, exp } = session
  // The people of this application have the same ids in Signet. Otherwise: external_id.
  response.json({ active: true, sub: user_id, session: keyOf(question.subject_token), auth_time, exp })
})

app.get('/me', bringToken, protect(), (request, response) => {
  const { by, claims } = authOf(request)
  response.json({ id: claims.sub, by })
})

/** How far the move is: requests since the start, by what they came with. */
app.get('/uses', (_, response) => void response.json(uses))

app.post('/sign-in', express.urlencoded({ extended: false }), (request, response) => {
  const { email, password } = Object(request.body)
  const user = new Map(Object.entries(JSON.parse(USERS))).get(email)
  // An application has its people and their digests in a database.
  if (!enabled || user === undefined || user.password !== password) return void response.sendStatus(401)
  // Tokens of a person who used this browser before must not win over the new session.
  forget(request, response)
  response.cookie('session', sessions.open(user.id), { ...COOKIE, maxAge: SESSION_SECONDS * 1000 })
  response.sendStatus(204)
})

const FORM =
  '<form method="post"><input name="email"><input name="password" type="password"><button>Sign in</button></form>'
const redirect_uri = `${publicUrl}/callback`
app.get('/sign-in', (_, response) => {
  if (!signsInAtSignet) return void response.type('html').send(FORM)
  const [state, code_verifier] = [
    randomBytes(32).toString('base64url'),
    randomBytes(32).toString('base64url'),
  ]
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
  const query = {
    response_type: 'code',
    client_id,
    redirect_uri,
    state,
    code_challenge,
    code_challenge_method: 'S256',
  }
  response.cookie('pending', `${state}.${code_verifier}`, { ...COOKIE, maxAge: 3_600_000 })
  response.redirect(303, `${issuer}/authorize?${new URLSearchParams(query)}`)
})

app.get('/callback', async (request, response) => {
  const [state, code_verifier = ''] = (cookiesOf(request)['pending'] ?? '').split('.')
  const { code, state: returned, iss } = request.query
  const isAsked = state !== '' && returned === state && iss === issuer && typeof code === 'string'
  const tokens = isAsked ? await signet.redeem({ code, code_verifier, redirect_uri }) : 'refused'
  if (typeof tokens !== 'object') return void response.sendStatus(tokens === 'away' ? 503 : 400)
  forget(request, response)
  keep(response, tokens)
  response.clearCookie('pending', COOKIE).redirect(303, '/me')
})

app.post('/sign-out', async (request, response) => {
  const { refresh } = cookiesOf(request)
  if (refresh !== undefined) await signet.revoke(refresh)
  forget(request, response)
  response.sendStatus(204)
})

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`Listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
})
/** Answers what has begun, so that no request is lost when another version takes over. */
process.on('SIGTERM', () => server.close(() => process.exit(0)))
