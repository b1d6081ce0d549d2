import type { Tokens } from './auth.ts'
import { underLease } from './lease.ts'

type Message = Readonly<{ kind: 'signed-in' | 'renewed'; tokens: Tokens }> | Readonly<{ kind: 'signed-out' }>

type Heard = Readonly<{
  signedIn: (tokens: Tokens) => void
  renewed: (tokens: Tokens) => void
  signedOut: () => void
}>

/** A message that is older has waited in a frozen tab: its lifetimes no longer hold. */
const FRESH_MILLISECONDS = 5_000
/** How long a tab waits for the renewal of another tab before it renews, too. */
const WAIT_MILLISECONDS = 4_000

/** The tabs of one browser that share a sign-in. */
export type Tabs = Readonly<{
  open(): void
  close(): void
  say(message: Message): void
  /**
   * Does the work unless another tab is doing it, whose result is then waited for. An optimisation: the server answers tabs that renew at
   * once alike, so that a lock that is held too long, or none, costs a request and no sign-in.
   */
  alone(work: () => Promise<Tokens | null>): Promise<Renewed>
}>

/** `isOurs` is false for the result of another tab, which the others have heard already. */
type Renewed = Readonly<{ tokens: Tokens | null; isOurs: boolean }>

export const openTabs = (name: string, heard: Heard): Tabs => {
  let channel: BroadcastChannel | null = null
  const waiting = new Set<(tokens: Tokens | null) => void>()

  const hear = ({ data }: MessageEvent<Message & { at: number }>) => {
    if (data.kind === 'signed-out') heard.signedOut()
    else if (Math.abs(Date.now() - data.at) < FRESH_MILLISECONDS) {
      heard[data.kind === 'renewed' ? 'renewed' : 'signedIn'](data.tokens)
      for (const resolve of waiting) resolve(data.tokens)
    }
  }
  const open = () => {
    if (channel !== null || typeof BroadcastChannel === 'undefined' || typeof window === 'undefined') return
    channel = new BroadcastChannel(name)
    channel.addEventListener('message', hear)
  }
  const nextResult = () =>
    new Promise<Tokens | null>(resolve => {
      const timer = setTimeout(() => settle(null), WAIT_MILLISECONDS)
      const settle = (tokens: Tokens | null) => {
        clearTimeout(timer)
        waiting.delete(settle)
        resolve(tokens)
      }
      waiting.add(settle)
    })

  open()
  return {
    open,
    close: () => {
      channel?.close()
      channel = null
    },
    say: message => channel?.postMessage({ ...message, at: Date.now() }),
    alone: async work => {
      const ours = async () => ({ tokens: await work(), isOurs: true })
      const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
      if (locks === undefined) return underLease(name, ours)
      if (channel === null) return ours()
      const elsewhere = nextResult()
      const done = await locks.request(name, { ifAvailable: true }, lock => (lock === null ? null : ours()))
      if (done !== null) return done
      const tokens = await elsewhere
      return tokens === null ? ours() : { tokens, isOurs: false }
    },
  }
}
