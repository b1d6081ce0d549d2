import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { FORWARDED_HEADERS, type ForwardedHeader, hopsOf } from '../../domain/base/forwarded-header.ts'
import { type AddressRange, isWithin, parseAddress } from '../../domain/base/ip-address.ts'
import type { Log } from '../../ports/effects.ts'
import type { Call } from './route.ts'

type Proxies = Readonly<{
  trusted: readonly AddressRange[]
  /** The header that the trusted proxies write. */
  header: ForwardedHeader
  log: Pick<Log, 'warn'>
  /** Called once for each reason. Default: not told. */
  onIgnored?: (ignored: IgnoredHeader) => void
}>

/** Why a forwarded header was not believed, and the peer that sent the request. */
export type IgnoredHeader = Readonly<{ reason: keyof typeof MESSAGES; peer: string }>

export type ClientAddress = (incoming: IncomingMessage, header: Call['header']) => string

/** The address of the client: the peer's, or the one that trusted proxies name in their header. */
export const createClientAddress = ({
  trusted,
  header: own,
  log,
  onIgnored = () => {},
}: Proxies): ClientAddress => {
  const isTrusted = (address: string) => trusted.length > 0 && isWithin(address, trusted)
  const report = createReport({ log, onIgnored }, own)
  return ({ socket }, header) => {
    const peer = peerOf(socket)
    const others = FORWARDED_HEADERS.filter(name => header(name) !== undefined)
    if (others.length === 0) return peer
    if (!isTrusted(peer)) {
      report('from_no_trusted_proxy', peer)
      return peer
    }
    if (others.some(name => name !== own)) report('not_the_trusted_header', peer)
    return nearest(peer, { isTrusted, hops: hopsOf(own, header(own) ?? '') })
  }
}

type Path = Readonly<{ isTrusted: (address: string) => boolean; hops: Iterable<string | null> }>

/**
 * Follows the hops from the nearest outwards: the first address that is no trusted proxy is the client. Hops beyond it are the client's own
 * claim. Hops beyond one that names no address are not believed either.
 */
const nearest = (peer: string, { isTrusted, hops }: Path): string => {
  let address = peer
  for (const hop of hops) {
    if (hop === null || !isTrusted(address)) return address
    address = hop
  }
  return address
}

const MESSAGES = {
  from_no_trusted_proxy:
    'a request with a forwarded header came from an address that is not in TRUSTED_PROXIES: the header is ignored, and all clients behind that address count as one and share its limits; if the address is your proxy, add it to TRUSTED_PROXIES; said once',
  not_the_trusted_header:
    'a trusted proxy passes on a forwarded header that TRUSTED_PROXY_HEADER does not name: the header is ignored; have the proxy remove it, or name it in TRUSTED_PROXY_HEADER; said once',
} as const

/** Ours – Each reason is logged once in the life of a process: clients can send such headers with every request. */
const createReport = (
  { log, onIgnored }: Required<Pick<Proxies, 'log' | 'onIgnored'>>,
  trusted_header: ForwardedHeader,
) => {
  const reported = new Set<keyof typeof MESSAGES>()
  return (reason: keyof typeof MESSAGES, peer: string): void => {
    if (reported.has(reason)) return
    reported.add(reason)
    onIgnored({ reason, peer })
    log.warn({ event: 'forwarded_header_ignored', reason, peer, trusted_header }, MESSAGES[reason])
  }
}

/** The address of a connection's peer, which never changes: it is read once a connection. */
const peers = new WeakMap<object, string>()

/** Stands for the address of a connection without a peer, which the listener closes. No proxy is trusted under this address. */
const NO_PEER = '::'

const peerOf = (socket: Socket): string => {
  const known = peers.get(socket)
  if (known !== undefined) return known
  const peer = parseAddress(socket.remoteAddress) ?? NO_PEER
  peers.set(socket, peer)
  return peer
}
