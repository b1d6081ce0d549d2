import { errorCodeOf } from '../domain/base/error-code.ts'

/** Redis answers, and is not what REDIS_URL says: no waiting helps. */
export class RedisMisnamed extends Error {
  override readonly name = 'RedisMisnamed'
}

type Causes = readonly (readonly [RegExp, string])[]

const SERVER = 'correct the host and the port'

/** Keyed by a pattern for the text of Redis' answer or for the error code of the system, of TLS or of the library. */
const REFUSALS: Causes = [
  [
    /^a Sentinel answers/,
    'a Sentinel refuses its user or its password; correct sentinel_username and sentinel_password',
  ],
  [/^the Sentinels know no primary/, 'the Sentinels know no primary of the name in the path; correct it'],
  [/is no Sentinel$/, 'a server there is no Sentinel; write redis://, or the ports of the Sentinels'],
  [
    /^CLUSTERDOWN/,
    'the cluster has no node for the keys of Signet now; look at CLUSTER INFO, and at its log',
  ],
  [/^WRONGPASS|invalid password/, 'redis refuses the user or the password; correct them'],
  [/^NOAUTH/, 'redis asks for a password; add it, as in redis://:password@host'],
  [/^NOPERM/, 'redis refuses the user; grant it what docs/redis.md lists'],
  [/^LOADING/, 'redis still loads its data; try again in some seconds'],
  [/max number of clients/, 'redis takes no further connection; raise its maxclients'],
]

const OUTAGES: Causes = [
  [/^ENOENT/, 'the socket is not there; start Redis, or correct the path'],
  [/^EACCES/, 'this user may not open the socket; let its group do so, by unixsocketperm'],
  [/^ECONNREFUSED/, `nothing listens there; start Redis, or ${SERVER}`],
  [/^ENOTFOUND/, 'no address is known for the name of the host; correct the name'],
  [/^EAI_AGAIN/, 'the name of the host cannot be looked up now; look at the DNS of this machine'],
  [/^E(?:HOST|NET)UNREACH/, 'no route leads to the host; look at the network and the firewall'],
  [/^CERT_HAS_EXPIRED/, 'its certificate has expired; renew the certificate'],
  [/ALTNAME/, 'its certificate is for another name; write a host that the certificate names'],
  [
    /CERT|SIGNED|^UNABLE_TO_/,
    'this process does not trust the authority of its certificate; name the file of the authority in NODE_EXTRA_CA_CERTS',
  ],
  [/^(?:EPROTO|ERR_SSL)/, 'the server there has no TLS; write redis://, or the port that has TLS'],
  [
    /Protocol error|Unknown RESP/,
    `the server there does not speak as Redis does; write rediss:// for TLS, or ${SERVER}`,
  ],
  [
    /TIMEDOUT|timed? ?out/i,
    `nothing answers there in time; look at the firewall and at Redis, write redis:// where it has no TLS, or ${SERVER}`,
  ],
]
const UNKNOWN = `the connection was closed; look at the log of Redis, write rediss:// where it asks for TLS, or ${SERVER}`

/** The remedy for each error with which a connected Redis refuses a command of the limits. */
const LIMITS: Causes = [
  [/NOPERM/, 'grant the user of REDIS_URL what docs/redis.md lists'],
  [/OOM/, 'raise its maxmemory, or give Signet a Redis of its own'],
  [/READONLY|replica/, 'name the primary'],
  [/is a node of a cluster$/, 'write redis+cluster://, or name a Redis outside a cluster'],
  [/is in no cluster$/, 'write redis://, or name nodes of a cluster'],
  [/is a Sentinel$/, 'write redis+sentinel://, with the name of the primary as the path'],
  [/MOVED|ASK|TRYAGAIN|CLUSTERDOWN/, 'the cluster moves the keys, or lacks a node: look at CLUSTER INFO'],
  [/MISCONF/, 'it cannot save to its disk: look at its log, and at the space on the disk'],
]

/** Why Redis is not connected, and what to do. */
export const describeRedisOutage = (error: Error | null): string => {
  if (error === null) return `redis does not answer: ${UNKNOWN}`
  const words = [errorCodeOf(error) ?? '', error.message]
  const refusal = find(REFUSALS, words)
  return refusal ?? `redis does not answer: ${find(OUTAGES, words) ?? UNKNOWN}`
}

/** The remedy for an error with which Redis refused a count. */
export const adviceOnLimits = (message: string): string =>
  find(LIMITS, [message]) ?? 'look at the log of Redis'

const find = (causes: Causes, words: readonly string[]): string | undefined =>
  causes.find(([pattern]) => words.some(word => pattern.test(word)))?.[1]
