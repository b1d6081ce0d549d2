import { createConnection, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import { addressText, type LocatePrimary } from './redis-locator.ts'

/** How long a connection that this process leaves may stay half open. */
const LEAVE_MILLISECONDS = 200

type Needs = Readonly<{ locate: LocatePrimary; hasTls: boolean }>

type WayToPrimary = Readonly<{
  Connector: new () => AbstractConnector
  /** True when the primary is certainly elsewhere by now. Never rejects. */
  hasMoved: () => Promise<boolean>
}>

/**
 * Ours – The client's way to a primary that moves: each connection goes where `locate` leads at that moment. The library's own connectors
 * are not used: the one of Sentinel reports no failed attempt while it tries on, and the client of a cluster queues commands of requests
 * while it looks for a node.
 */
export const createPrimaryConnector = ({ locate, hasTls }: Needs): WayToPrimary => {
  let current: string | null = null

  // A class, because the client makes its connector by `new`.
  class PrimaryConnector extends AbstractConnector {
    constructor() {
      super(LEAVE_MILLISECONDS)
    }

    override async connect(): Promise<Socket> {
      this.connecting = true
      delete this.firstError
      this.stream = await this.open().catch((error: unknown) => {
        this.firstError = error instanceof Error ? error : new Error(String(error))
        // The client tries again after a connection that was closed, and gives up for ever after a rejection.
        return new Socket().destroy()
      })
      return this.stream
    }

    private async open(): Promise<Socket> {
      const address = await locate()
      if (!this.connecting) throw new Error('the connection was closed')
      current = addressText(address)
      const stream = hasTls ? connectTls({ ...address }) : createConnection({ ...address })
      return stream.once('error', (error: Error) => {
        this.firstError = error
      })
    }
  }

  return {
    Connector: PrimaryConnector,
    hasMoved: async () => {
      const asked = current
      const address = await locate().catch(() => null)
      return address !== null && asked !== null && current === asked && addressText(address) !== asked
    },
  }
}
