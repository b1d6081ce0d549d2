// A program for the command line that signs a person in by RFC 8628: without a browser of its own, and without a secret.
//
//   ISSUER=https://id.example CLIENT_ID=cli node sign-in.mjs
//
// It needs Node 20 and no package. Register it with "token_endpoint_auth_method": "none" and the grant types
// "urn:ietf:params:oauth:grant-type:device_code" and "refresh_token", the scope below, and the audience of your API.

const {
  ISSUER = 'http://localhost:8080',
  CLIENT_ID = 'cli',
  SCOPE = 'openid email offline_access',
} = process.env
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const LIMIT_MILLISECONDS = 10_000

const ask = async (url, form, headers = {}) => {
  const body = form && new URLSearchParams(form)
  const signal = AbortSignal.timeout(LIMIT_MILLISECONDS)
  const response = await fetch(url, { method: form ? 'POST' : 'GET', headers, body, signal })
  return { status: response.status, body: await response.json() }
}

const wait = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000))

/** RFC 8414 – The endpoints of the server, which must name itself as it was named here. */
const discover = async () => {
  const { body } = await ask(`${ISSUER}/.well-known/oauth-authorization-server`)
  if (body.issuer !== ISSUER) throw new Error(`the server is ${body.issuer}, not ${ISSUER}`)
  return body
}

/** RFC 8628 §3.5 – Polls until the person has decided. A lost answer, and `slow_down`, make the polls rarer. */
const poll = async (token_endpoint, { device_code, interval = 5, expires_in }) => {
  const until = Date.now() + expires_in * 1000
  const form = { grant_type: DEVICE_GRANT, client_id: CLIENT_ID, device_code }
  for (let seconds = interval; Date.now() < until; ) {
    await wait(seconds)
    const { status, body } = await ask(token_endpoint, form).catch(() => ({ body: { error: 'slow_down' } }))
    if (status === 200) return body
    if (body.error === 'slow_down') seconds += 5
    else if (body.error !== 'authorization_pending') throw new Error(body.error_description ?? body.error)
  }
  throw new Error('The code has expired. Please start again.')
}

const signIn = async () => {
  const server = await discover()
  const form = { client_id: CLIENT_ID, scope: SCOPE }
  const { status, body: codes } = await ask(server.device_authorization_endpoint, form)
  if (status !== 200) throw new Error(codes.error_description ?? codes.error)
  console.log(`Open ${codes.verification_uri} in a browser, and type the code ${codes.user_code}`)
  const tokens = await poll(server.token_endpoint, codes)
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  const { body: person } = await ask(server.userinfo_endpoint, undefined, headers)
  console.log(`Signed in as ${person.email ?? person.sub}`)
  // Keep the refresh token where only this user of the computer can read it, and the access token in memory.
  return tokens
}

await signIn().catch(error => {
  console.error(error.message)
  process.exitCode = 1
})
