import type { Context } from 'hono'
import { type AddressRange, isWithin, parseAddress } from '../domain/address.ts'

/** The address that a request came from: the peer's, or what trusted proxies say of it. */
export const createClientAddress = (trusted: readonly AddressRange[]) => {
  const isTrusted = (address: string) => isWithin(address, trusted)
  return (context: Context): string => {
    const peer = peerOf(context)
    if (trusted.length === 0 || !isTrusted(peer)) return peer
    // From the nearest hop outwards: the first one that is not ours is the client. What it claims itself is not looked at.
    const hops = hopsOf(context)
    const client = hops.toReversed().find(hop => hop === null || !isTrusted(hop))
    return client ?? hops.find(hop => hop !== null) ?? peer
  }
}

/** A connection's peer never changes: its address is read once, not for each request. */
const peers = new WeakMap<object, string>()

const peerOf = ({ env }: Context): string => {
  const socket = env?.incoming?.socket
  if (socket === undefined) return '127.0.0.1'
  const known = peers.get(socket)
  if (known !== undefined) return known
  const peer = parseAddress(socket.remoteAddress) ?? '127.0.0.1'
  peers.set(socket, peer)
  return peer
}

/** RFC 7239 §4, or the older X-Forwarded-For: the addresses that the proxies saw, outermost first; null for one that names none. */
const hopsOf = ({ req }: Context): readonly (string | null)[] => {
  const forwarded = req.header('forwarded')
  if (forwarded !== undefined) {
    return forwarded.split(',').map(element => parseAddress(/(?:^|;)\s*for="?([^";]*)"?/i.exec(element)?.[1]))
  }
  const list = req.header('x-forwarded-for')
  return list === undefined ? [] : list.split(',').map(parseAddress)
}
