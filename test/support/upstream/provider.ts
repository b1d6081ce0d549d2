import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { freePort } from '../services/services.ts'

type Claims = Readonly<Record<string, unknown>>
type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void

/** What the next person is at the provider, and how its ID token is made. */
export type Told = Readonly<{
  claims: Claims
  /** Default: the claims, signed as the metadata says. */
  sign?: (claims: Claims) => Promise<string>
}>

export const sendJson = (response: ServerResponse, body: unknown, status = 200) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

/** A provider on loopback that tells whatever a test wants, at `/{name}`: an OpenID Connect provider, and the OAuth 2 of GitHub. */
export const openProvider = async (clock: () => Date = () => new Date()) => {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const answers = new Map<string, Answer>()
  const asked: string[] = []
  const told = new Map<string, Told & Readonly<{ nonce: string | null }>>()
  const server = createServer((request, response) => {
    const answer = async () => {
      const { pathname } = new URL(request.url ?? '', origin)
      asked.push(pathname)
      const known = answers.get(pathname) ?? (each => void each.writeHead(404).end())
      known(response, request, await text(request))
    }
    void answer()
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const keys = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }

  /** An OpenID Connect provider of its own. */
  const offer = (name: string, more: Claims = {}) => {
    const issuer = `${origin}/${name}`
    const metadata = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      ...more,
    }
    answers.set(`/${name}/.well-known/openid-configuration`, response => sendJson(response, metadata))
    answers.set(`/${name}/keys`, response => sendJson(response, { keys: [jwk] }))
    answers.set(`/${name}/token`, (response, _, body) => {
      const code = new URLSearchParams(body).get('code') ?? ''
      const known = told.get(code)
      if (known === undefined) return sendJson(response, { error: 'invalid_grant' }, 400)
      told.delete(code)
      const now = Math.floor(clock().getTime() / 1000)
      const standard = { iss: issuer, aud: 'signet', iat: now, exp: now + 60, nonce: known.nonce }
      const sign = known.sign ?? (claims => signedBy(keys.privateKey, claims))
      const send = async () => {
        const id_token = await sign({ ...standard, ...known.claims })
        sendJson(response, { access_token: 'opaque', token_type: 'Bearer', id_token })
      }
      void send()
    })
    return issuer
  }

  return {
    origin,
    keys,
    jwk,
    asked,
    offer,
    answer: (path: string, respond: Answer) => void answers.set(path, respond),
    /** The code for a person who has just signed in there, by the address to which the browser was sent. */
    tell: (address: string, next: Told): Readonly<{ code: string; state: string }> => {
      const { searchParams } = new URL(address)
      const code = `code-${told.size}-${asked.length}-${Math.random()}`
      told.set(code, { ...next, nonce: searchParams.get('nonce') })
      return { code, state: searchParams.get('state') ?? '' }
    },
    /** Its authorization endpoint signs every browser in at once as this person, and sends it back. */
    welcomes: (name: string, next: Told) => {
      answers.set(`/${name}/authorize`, (response, { url = '' }) => {
        const { searchParams } = new URL(url, origin)
        const code = `code-${told.size}-${asked.length}-${Math.random()}`
        told.set(code, { ...next, nonce: searchParams.get('nonce') })
        const back = new URL(searchParams.get('redirect_uri') ?? '')
        back.search = new URLSearchParams({ code, state: searchParams.get('state') ?? '' }).toString()
        response.writeHead(302, { location: back.href }).end()
      })
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export type Provider = Awaited<ReturnType<typeof openProvider>>

export const signedBy = (key: CryptoKey | Uint8Array, claims: Claims, header: Claims = {}): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key)
