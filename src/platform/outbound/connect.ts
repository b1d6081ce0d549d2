import { once } from 'node:events'
import { connect as connectSocket, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { AddressRange } from '../../domain/base/ip-address.ts'
import { judgeOutboundAddress, type OutboundTarget } from '../../domain/outbound/outbound-target.ts'
import type { OutboundRefusal } from '../../domain/outbound/outbound-verdicts.ts'

type Connecting = Readonly<{
  addresses: readonly string[]
  allow: readonly AddressRange[]
  /** PEM. Undefined: the authorities that this process trusts. */
  authorities: string | undefined
  signal: AbortSignal
}>

/**
 * Ours – Calls `use` with a connection to one of the addresses, encrypted where the target asks for it. All addresses were judged before;
 * the address of the connected socket is judged again before a byte is sent. Closes the connection.
 */
export const withConnection = async <T>(
  target: OutboundTarget,
  { addresses, allow, authorities, signal }: Connecting,
  use: (socket: Socket) => Promise<T>,
): Promise<T | Readonly<{ refusal: OutboundRefusal }>> => {
  const { hostname, port } = target
  const plain = quiet(
    connectSocket({ host: hostname, port, autoSelectFamily: true, lookup: answering(addresses) }),
  )
  try {
    await once(plain, 'connect', { signal })
    const refusal = judgeOutboundAddress(plain.remoteAddress, target, allow)
    if (refusal !== null) return { refusal }
    return await use(target.isSecure ? await encrypted(plain, { hostname, authorities, signal }) : plain)
  } finally {
    plain.destroy()
  }
}

type Encryption = Readonly<{ hostname: string; authorities: string | undefined; signal: AbortSignal }>

const encrypted = async (plain: Socket, { hostname, authorities, signal }: Encryption): Promise<Socket> => {
  const socket = quiet(
    connectTls({
      socket: plain,
      host: hostname,
      // RFC 6066 §3 – A literal address is no server name.
      ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(authorities === undefined ? {} : { ca: authorities }),
    }),
  )
  await once(socket, 'secureConnect', { signal })
  return socket
}

/** An error of a socket that ends the process, because no listener is left at that moment, is told by the next step instead. */
const quiet = <S extends Socket>(socket: S): S => socket.on('error', () => {})

/** The name is not resolved a second time: a second answer could have another address. */
const answering =
  (addresses: readonly string[]): LookupFunction =>
  (_hostname, _options, callback) =>
    callback(
      null,
      addresses.map(address => ({ address, family: isIP(address) })),
    )
