import type { Tokens } from './auth.ts'
import { underLock } from './tab-lock.ts'

type Message = Readonly<{ kind: 'signedIn' | 'renewed'; tokens: Tokens }> | Readonly<{ kind: 'signedOut' }>

type Heard = Readonly<{
  signedIn: (tokens: Tokens) => void
  renewed: (tokens: Tokens) => void
  signedOut: () => void
}>

/** A message that is older has waited in a frozen tab: its lifetimes no longer hold. */
const FRESH_MILLISECONDS = 5_000

/** The tabs of one browser that share a sign-in. */
export type Tabs = Readonly<{
  open(): void
  close(): void
  say(message: Message): void
  /**
   * Does the work when no other tab is doing it, or resolves with the tokens that another tab has told of meanwhile. Work that tells of its
   * tokens before it resolves is done once for all tabs that wait. An optimisation: the server answers tabs that renew at once alike.
   */
  alone(work: () => Promise<Tokens | null>): Promise<Tokens | null>
}>

export const openTabs = (name: string, heard: Heard): Tabs => {
  let channel: BroadcastChannel | null = null
  const waiting = new Set<(tokens: Tokens) => void>()

  const hear = ({ data }: MessageEvent<Message & { at: number }>) => {
    if (data.kind === 'signedOut') heard.signedOut()
    else if (Math.abs(Date.now() - data.at) < FRESH_MILLISECONDS) {
      heard[data.kind](data.tokens)
      for (const take of waiting) take(data.tokens)
    }
  }
  const open = () => {
    if (channel !== null || typeof BroadcastChannel === 'undefined' || typeof window === 'undefined') return
    channel = new BroadcastChannel(name)
    channel.addEventListener('message', hear)
  }

  open()
  return {
    open,
    close: () => {
      channel?.close()
      channel = null
    },
    say: message => channel?.postMessage({ ...message, at: Date.now() }),
    alone: async work => {
      let told: Tokens | null = null
      const take = (tokens: Tokens) => {
        told = tokens
      }
      waiting.add(take)
      try {
        return await underLock(name, 'exclusive', async () => told ?? work())
      } finally {
        waiting.delete(take)
      }
    },
  }
}
