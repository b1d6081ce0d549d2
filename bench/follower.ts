import { execFile } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import type { Bench } from './support/report.ts'

const PARTS = 32
const ENTRIES = 1_000_000
const GROUPS = 15

/** A service that follows revocations and samples its memory; the pause of 200 ms lets unrelated allocations settle. */
const FOLLOWER = `
  import { followRevocations } from './dist/sdk/revocations-node.js'
  const issuer = process.env.ISSUER
  await (await fetch(issuer + '/jwks')).text()
  await new Promise(resolve => setTimeout(resolve, 200))
  gc()
  const before = process.memoryUsage()
  let most = 0
  const look = () => { most = Math.max(most, process.memoryUsage().rss - before.rss) }
  const looking = setInterval(look, 2)
  const following = followRevocations({ issuer })
  await following.ready()
  look()
  clearInterval(looking)
  gc()
  const after = process.memoryUsage()
  const kept = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed
  console.log(JSON.stringify({ entries: following.state().entries, most, kept }))
  process.exit()`

/** The memory of a service while it loads a feed of a million entries, and after the feed is loaded. */
export const benchFollower: Bench = async () => {
  const server = await serveFeed()
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', FOLLOWER],
    { env: { ...process.env, ISSUER: server.issuer } },
  )
  server.close()
  const seen = JSON.parse(stdout) as { entries: number; most: number; kept: number }
  if (seen.entries < ENTRIES * 0.99) throw new Error(`only ${seen.entries} entries were loaded`)
  return [
    {
      what: 'growth while a million entries are loaded',
      seen: seen.most / 1e6,
      unit: 'MB',
      goal: { most: 100 },
    },
    { what: 'kept of a million entries', seen: seen.kept / 1e6, unit: 'MB', goal: { most: 50 } },
  ]
}

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

const signed = (privateKey: KeyObject, claims: object) => {
  const input = `${segment({ alg: 'RS256', typ: 'revocations+jwt', kid: 'k' })}.${segment(claims)}`
  return `${input}.${sign('RSA-SHA256', Buffer.from(input), privateKey).toString('base64url')}`
}

/** An issuer that serves only a feed, its metadata and its key; the feed has parts, as that of Signet has. */
const serveFeed = async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'k' }
  const feed = (cursor: string | null) => {
    const part = Number(cursor ?? 0)
    const iat = Math.floor(Date.now() / 1000)
    const minute = Math.ceil(iat / 60) * 60
    const ids = () => randomBytes(16 * Math.floor(ENTRIES / PARTS / GROUPS)).toString('base64url')
    const groups = Array.from({ length: GROUPS }, (_, group) => [minute + 60 * (group + 1), ids()] as const)
    const next = { since: cursor, cursor: String(part + 1), more: part + 1 < PARTS }
    return signed(privateKey, {
      iss: issuer,
      iat,
      exp: iat + 300,
      ...next,
      ids: Object.fromEntries(groups),
      named: [],
    })
  }
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/revocations') return response.end(feed(searchParams.get('cursor')))
    return response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, keys: [jwk] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const issuer = `http://127.0.0.1:${address.port}`
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { issuer, close }
}
