import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'

/** A signing key, with its public half as a JWK. */
export type TestKey = Readonly<{ kid: string; privateKey: KeyObject; publicKey: KeyObject; jwk: Jwk }>
type Jwk = Readonly<Record<string, unknown>>

export const AUDIENCE = 'https://api.example'

export const createKey = (kid: string = randomUUID(), modulusLength = 2048): TestKey => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
  const { n, e } = publicKey.export({ format: 'jwk' })
  return { kid, privateKey, publicKey, jwk: { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e } }
}

/** A token of an honest issuer with the given claims and header members. `undefined` leaves one out. */
export const signToken = async (
  key: TestKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> =>
  signSegments(key, segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key.kid, ...header }), segmentOf(claims))

/** Signs by hand, as jose refuses most tokens that an attacker would make. */
export const signSegments = (key: TestKey, header: string, payload: string): string => {
  const input = `${header}.${payload}`
  return `${input}.${sign('RSA-SHA256', Buffer.from(input), key.privateKey).toString('base64url')}`
}

export const segmentOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const METADATA = '/.well-known/oauth-authorization-server'
export const JWKS = '/.well-known/jwks.json'

/** An issuer on loopback that serves metadata and keys, counts requests, and misbehaves on demand. */
export const startIssuer = async () => {
  const keys = [createKey()]
  const asked: string[] = []
  const faults = new Map<string, RequestListener>()
  const listener: RequestListener = (request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const fault = faults.get(path)
    if (fault !== undefined) return fault(request, response)
    const document = documents()[path]
    response.writeHead(document === undefined ? 404 : 200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'public, max-age=300',
    })
    return response.end(JSON.stringify(document ?? {}))
  }
  const server = createServer(listener)
  const port = await listenOnLoopback(server)
  const issuer = `http://127.0.0.1:${port}`
  const documents = (): Readonly<Record<string, unknown>> => ({
    [METADATA]: { issuer, jwks_uri: issuer + JWKS },
    [JWKS]: { keys: keys.map(key => key.jwk) },
  })

  return {
    issuer,
    keys,
    faults,
    /** The number of requests for a path. */
    count: (path: string) => asked.filter(one => one === path).length,
    claims: (now: number, claims: Readonly<Record<string, unknown>> = {}) => ({
      iss: issuer,
      sub: 'ada',
      aud: AUDIENCE,
      client_id: 'web',
      iat: now,
      exp: now + 900,
      jti: randomUUID(),
      ...claims,
    }),
    close: () => closeServer(server),
  }
}

export type Issuer = Awaited<ReturnType<typeof startIssuer>>

export const listenOnLoopback = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export const closeServer = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
