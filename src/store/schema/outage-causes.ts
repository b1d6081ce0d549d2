import { connect, type Socket } from 'node:net'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { type Address, addressesOf, type DatabasePlace } from '../postgres/index.ts'

/** Whether an address answers as Postgres does, and whether it offers TLS. */
type Greeting = 'tls' | 'no_tls' | 'not_postgres' | 'silent'

const GREETING_MILLISECONDS = 2_000

/** PostgreSQL, "SSLRequest" – Its length, and the code that asks for TLS. Postgres answers with `S` or `N`. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

const SERVER = 'correct the host and the port'

/** By the code of the system, of the driver, of TLS, or of Postgres: the cause, and what to do. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: `nothing listens there; start Postgres, or ${SERVER}`,
  ENOENT: 'there is no such Unix socket; start Postgres, or correct the directory of its socket',
  EACCES: 'this user may not open the Unix socket of Postgres; change the rights of its directory',
  ENOTFOUND: 'no address is known for the name of the host; correct the name',
  EAI_AGAIN: 'the name of the host cannot be looked up now; look at the DNS of this machine, and try again',
  EHOSTUNREACH: 'no route leads to the host; look at the network and the firewall',
  ENETUNREACH: 'no route leads to the network of the host; look at the network and the firewall',
  '57P03': 'Postgres is starting or stopping; try again in some seconds',
  '53300': 'Postgres has no connection left; raise its max_connections, or lower DATABASE_POOL_SIZE',
  '25006': 'Postgres is read-only; name the primary, and no standby',
  STANDBY: 'each host is a standby; name the primary, too',
  FORMER_PRIMARY:
    'a newer primary has been seen, so that this one is a former one; stop it, and name the newer one; after a restore run signetd restored',
  CERT_HAS_EXPIRED: 'the certificate of the server has expired; renew the certificate',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the server is for another name; write a host that the certificate names',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate of the server is signed by itself; name its file in NODE_EXTRA_CA_CERTS',
}
const UNTRUSTED =
  'this process does not trust the authority of the certificate; name the file of the authority in NODE_EXTRA_CA_CERTS'
const UNKNOWN = `look at the log of Postgres, and ${SERVER}`

const GREETINGS: Readonly<Record<Greeting, string>> = {
  tls: 'Postgres answers, and accepts no connection in time; look at its log and its load',
  no_tls:
    'the server has no TLS, for which sslmode asks; set ssl = on in Postgres, or, in a network that you trust, write sslmode=disable',
  not_postgres: `the server there is not Postgres; ${SERVER}`,
  silent: `nothing answers there in time; look at the firewall and at Postgres, or ${SERVER}`,
}

/** Why Postgres could not be asked, and what to do. Where the error tells no cause, the first address is greeted to learn it. */
export const describeOutage = async (error: unknown, place: DatabasePlace): Promise<string> => {
  const code = errorCodeOf(error) ?? ''
  const known = CAUSES[code] ?? (/CERT|SIGNED|^UNABLE_TO_/.test(code) ? UNTRUSTED : undefined)
  if (known !== undefined) return known
  if (!/^(?:$|CONNECT|ECONNRESET|EPIPE|ETIMEDOUT|EPROTO|ERR_SSL)/.test(code)) return UNKNOWN
  const [address] = addressesOf(place)
  return GREETINGS[await greet(address)]
}

/** Never rejects. */
const greet = (address: Address): Promise<Greeting> =>
  new Promise(resolve => {
    const socket: Socket = connect(address)
    const settle = (greeting: Greeting) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(greeting)
    }
    const timer = setTimeout(settle, GREETING_MILLISECONDS, 'silent')
    socket
      .once('connect', () => socket.write(SSL_REQUEST))
      .once('data', ([first]) => settle(ANSWERS.get(first ?? 0) ?? 'not_postgres'))
      .once('end', () => settle('not_postgres'))
      .on('error', () => settle('silent'))
  })

const ANSWERS: ReadonlyMap<number, Greeting> = new Map([
  ['S'.charCodeAt(0), 'tls'],
  ['N'.charCodeAt(0), 'no_tls'],
])
