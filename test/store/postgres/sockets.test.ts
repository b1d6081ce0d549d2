import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { trackSockets } from '../../../src/store/postgres/sockets.ts'

it('the sockets of a closed pool are not opened again, for whatever statement it still has', async () => {
  let taken = 0
  const server = createServer(socket => {
    taken++
    socket.resume()
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets = trackSockets([{ host: '127.0.0.1', port }], { connect_seconds: 1, onUnreachable: () => {} })
  const dialer = sockets.createDialer(() => {})
  await once(await dialer.connect(), 'connect')
  sockets.stop()
  await expect(dialer.connect()).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
  // Connections are taken in their order.
  const next = connect({ host: '127.0.0.1', port })
  await once(next, 'connect')
  next.destroy()
  await expect.poll(() => taken).toBe(2)
})
