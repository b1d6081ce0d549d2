// An Express application that signs people in with passport and passport-oauth2: authorization code with PKCE and state.
// Start: CLIENT_SECRET=… node examples/passport/server.mjs
//
// Register it with "client_id": "passport", "token_endpoint_auth_method": "client_secret_post", the grant type "authorization_code",
// "scope": "openid email" and "redirect_uris": ["http://localhost:3000/callback"].
import { randomUUID } from 'node:crypto'
import { callbackify } from 'node:util'
import express from 'express'
import passport from 'passport'
import { Strategy } from 'passport-oauth2'

const { ISSUER: issuer = 'http://localhost:8080', CLIENT_ID = 'passport', CLIENT_SECRET } = process.env
const port = Number(process.env.PORT ?? 3000)
const origin = process.env.ORIGIN ?? `http://localhost:${port}`

const strategy = new Strategy(
  {
    authorizationURL: `${issuer}/authorize`,
    tokenURL: `${issuer}/token`,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    callbackURL: `${origin}/callback`,
    scope: ['openid', 'email'],
    state: true,
    pkce: true,
  },
  (_accessToken, _refreshToken, profile, done) => done(null, profile),
)
// passport-oauth2 reads no ID token: who the person is says /userinfo, over TLS, to the holder of the access token.
const askWho = async accessToken => {
  const answer = await fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } })
  if (!answer.ok) throw new Error(`/userinfo answered ${answer.status}`)
  const { sub, email } = await answer.json()
  return { sub, email }
}
strategy.userProfile = callbackify(askWho)

passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

// Sessions in the memory of this process, by a random cookie. In production take express-session with a store.
const sessions = new Map()
const openSession = (request, response, known) => {
  const id = known ?? randomUUID()
  const secure = origin.startsWith('https:') ? '; Secure' : ''
  if (known === undefined)
    response.append('set-cookie', `app_session=${id}; Path=/; HttpOnly; SameSite=Lax${secure}`)
  const session = sessions.get(id) ?? {}
  session.save = done => done()
  // A new id for the person who signs in: an id that a stranger has planted before stays worthless.
  session.regenerate = done => {
    sessions.delete(id)
    openSession(request, response)
    done()
  }
  sessions.set(id, session)
  request.session = session
}
const withSession = (request, response, next) => {
  const [, id] = /(?:^|; )app_session=([\w-]+)/.exec(request.headers.cookie ?? '') ?? []
  openSession(request, response, sessions.has(id) ? id : undefined)
  next()
}

const app = express()
app.use(withSession, passport.initialize(), passport.session())
app.get('/login', passport.authenticate(strategy))
app.get('/callback', passport.authenticate(strategy, { successRedirect: '/', failureRedirect: '/login' }))
app.get('/', (request, response) => {
  if (request.user === undefined) response.status(401).json({ sign_in: '/login' })
  else response.json({ email: request.user.email })
})

app.listen(port, '127.0.0.1', () => console.log(`Listening on ${origin}`))
