import { parse as parseForwarded } from 'forwarded-parse'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type AddressRange, isWithin, parseAddress } from '../domain/address.ts'
import type { Call } from './route.ts'

/** The address that a request came from: the peer's, or what trusted proxies say of it. */
export const createClientAddress = (trusted: readonly AddressRange[]) => {
  const isTrusted = (address: string) => isWithin(address, trusted)
  // From the nearest hop outwards: the first one that is not ours is the client. What it claims itself is not looked at, nor
  // what lies beyond a hop that names no address.
  const nearest = (peer: string, hops: readonly (string | null)[]): string => {
    let address = peer
    for (const hop of hops.toReversed()) {
      if (hop === null || !isTrusted(address)) return address
      address = hop
    }
    return address
  }
  return ({ socket }: IncomingMessage, header: Call['header']): string => {
    const peer = peerOf(socket)
    if (trusted.length === 0 || !isTrusted(peer)) return peer
    const said = listsOf(header).map(hops => nearest(peer, hops))
    // A proxy writes one of the two headers and passes the other on as its client made it up: where they differ, neither counts.
    const [address = peer, other = address] = said
    return address === other ? address : peer
  }
}

/** A connection's peer never changes: its address is read once, not for each request. */
const peers = new WeakMap<object, string>()

/** A connection without a peer is closed by the listener. Should one come here, its word counts for nothing. */
const NOBODY = '::'

const peerOf = (socket: Socket): string => {
  const known = peers.get(socket)
  if (known !== undefined) return known
  const peer = parseAddress(socket.remoteAddress) ?? NOBODY
  peers.set(socket, peer)
  return peer
}

/** The addresses that the proxies saw, outermost first, of each header that is there; null for one that names none. */
const listsOf = (header: Call['header']): readonly (readonly (string | null)[])[] => {
  const forwarded = header('forwarded')
  const list = header('x-forwarded-for')?.split(',').map(parseAddress)
  return [forwarded === undefined ? undefined : readForwarded(forwarded), list].filter(
    hops => hops !== undefined,
  )
}

/** RFC 7239 §4 – What a proxy quotes may hold anything, also what looks like another hop. A header that breaks the grammar names nobody. */
const readForwarded = (header: string): readonly (string | null)[] => {
  try {
    return parseForwarded(header).map(element => parseAddress(element['for']))
  } catch {
    return [null]
  }
}
