// A server-rendered application that signs people in with Auth.js: authorization code with PKCE, state and nonce.
// Start: CLIENT_SECRET=… AUTH_SECRET=$(openssl rand -hex 32) node examples/authjs/server.mjs
//
// Register it with "client_id": "authjs", the grant type "authorization_code", "scope": "openid email profile",
// "redirect_uris": ["http://localhost:3000/auth/callback/signet"] and "post_logout_redirect_uris": ["http://localhost:3000/"].
import { ExpressAuth, getSession } from '@auth/express'
import express from 'express'

const {
  ISSUER: issuer = 'http://localhost:8080',
  CLIENT_ID = 'authjs',
  CLIENT_SECRET,
  AUTH_SECRET,
} = process.env
const port = Number(process.env.PORT ?? 3000)
const origin = process.env.ORIGIN ?? `http://localhost:${port}`

const config = {
  secret: AUTH_SECRET,
  trustHost: true,
  basePath: '/auth',
  providers: [
    {
      id: 'signet',
      name: 'Signet',
      type: 'oidc',
      issuer,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      checks: ['pkce', 'state', 'nonce'],
      authorization: { params: { scope: 'openid email profile' } },
    },
  ],
  callbacks: {
    // Where Auth.js may lead on to: its own pages, and the sign-out at Signet.
    redirect: ({ url, baseUrl }) => (new URL(url, baseUrl).origin === issuer ? url : baseUrl),
  },
}

// OpenID Connect RP-Initiated Logout 1.0 §2: after Auth.js has ended its own session, Signet asks about the one of the browser.
const signOutAtSignet = `${issuer}/logout?${new URLSearchParams({
  client_id: CLIENT_ID,
  post_logout_redirect_uri: `${origin}/`,
})}`

const escape = text => text.replace(/[&<>"]/g, each => `&#${each.charCodeAt(0)};`)

const app = express()
// Auth.js takes its own path from the first unnamed group, which Express 5 has in regular expressions alone.
app.use(/^\/auth\/(.*)$/, ExpressAuth(config))
app.get('/', async (request, response) => {
  const session = await getSession(request, config)
  response.send(
    session === null
      ? '<h1>Hello</h1><a href="/auth/signin">Sign in</a>'
      : `<h1>Hello, ${escape(session.user.email)}</h1>
         <a href="/auth/signout?callbackUrl=${encodeURIComponent(signOutAtSignet)}">Sign out</a>`,
  )
})

app.listen(port, '127.0.0.1', () => console.log(`Listening on ${origin}`))
