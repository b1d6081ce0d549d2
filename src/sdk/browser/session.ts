import type { Auth, Tokens } from './auth.ts'
import { AuthError, asAuthError } from './auth-error.ts'
import { createAuthState, LOADING } from './auth-state.ts'
import { createHeldToken } from './held-token.ts'
import { listenToPage } from './page-events.ts'
import { openTabs } from './tabs.ts'

type Needs = Readonly<{
  /** Shared by the pages of one origin, client and issuer. */
  name: string
  /** The next tokens; null where this browser has no sign-in. Throws AuthError: `signed_out` where what was kept of the sign-in is removed. */
  renew: () => Promise<Tokens | null>
}>

const RETRY_MOST_SECONDS = 60
/** The longest that a timer of a browser can wait is 24.8 days. */
const TIMER_MOST_SECONDS = 86_400

/** What one page knows of the sign-in: the state that its listeners see, and the token. */
const createKnown = (timer: ReturnType<typeof createTimer>) => {
  const state = createAuthState()
  const held = createHeldToken()
  let epoch = 0
  const hold = (tokens: Tokens) => {
    timer.set(held.hold(tokens))
    const { user } = tokens
    const { status, user: known } = state.current()
    const isKnown = status === 'signed-in' && JSON.stringify(known) === JSON.stringify(user)
    if (!isKnown) state.change({ status: 'signed-in', user, error: null })
  }
  return {
    state,
    held,
    /** Raised by each sign-in and sign-out: the result of a renewal that began before it is ignored. */
    epoch: () => epoch,
    hold,
    begin: (tokens: Tokens) => {
      epoch += 1
      hold(tokens)
    },
    end: (error: AuthError | null) => {
      epoch += 1
      held.drop()
      timer.clear()
      if (state.current().status !== 'signed-out' || error !== null)
        state.change({ status: 'signed-out', user: null, error })
    },
    finish: () => {
      epoch += 1
      timer.end()
      state.finish()
    },
  }
}

/** One sign-in as one page knows it: renews its token, hears of the other tabs, and tells its listeners. */
export const createSession = ({ name, renew }: Needs) => {
  const timer = createTimer(() => void comeBack())
  const { state, held, epoch, hold, begin, end, finish } = createKnown(timer)
  const tabs = openTabs(name, {
    signedIn: begin,
    renewed: tokens => {
      if (state.current().status !== 'signed-out') hold(tokens)
    },
    signedOut: () => end(null),
  })
  const fail = (error: AuthError) => {
    if (error.code === 'signed_out') {
      tabs.say({ kind: 'signedOut' })
      return end(error)
    }
    timer.setRetry(error.retry_after_seconds)
    if (state.current().status === 'loading') state.change({ ...LOADING, error })
  }
  const renewShared = shareCalls(epoch, async () => {
    const started = epoch()
    try {
      const tokens = await tabs.alone(async () => {
        const renewed = await renew()
        // Told while the other tabs still wait: the next one then has a token and renews nothing.
        if (renewed !== null && started === epoch()) tabs.say({ kind: 'renewed', tokens: renewed })
        return renewed
      })
      if (started !== epoch()) return
      if (tokens === null) return end(null)
      hold(tokens)
    } catch (error) {
      if (started === epoch()) fail(asAuthError(error))
      throw error
    }
  })
  const askServer = () => renewShared().catch(() => {})
  const comeBack = async () => {
    if (state.current().status !== 'signed-out' && held.isDue()) await askServer()
  }
  const stopListening = listenToPage({ comeBack, askServer, tabs })
  const dispose = () => {
    stopListening()
    tabs.close()
    finish()
  }
  return {
    comeBack,
    signIn: (tokens: Tokens) => {
      begin(tokens)
      tabs.say({ kind: 'signedIn', tokens })
    },
    signOut: () => {
      tabs.say({ kind: 'signedOut' })
      end(null)
    },
    auth: {
      state: state.current,
      subscribe: state.subscribe,
      ready: state.ready,
      getToken: createGetToken({ state, held, renewShared, askServer }),
      dispose,
    } satisfies Auth,
  }
}

type Parts = Readonly<{
  state: ReturnType<typeof createAuthState>
  held: ReturnType<typeof createHeldToken>
  renewShared: () => Promise<void>
  askServer: () => Promise<void>
}>

const createGetToken =
  ({ state, held, renewShared, askServer }: Parts): Auth['getToken'] =>
  async ({ isRefused } = {}) => {
    if (state.current().status !== 'signed-out') {
      if (!held.isUsable(isRefused)) await renewShared()
      // The token is still good: a failure of an early renewal can wait.
      else if (held.isDue()) await askServer()
    }
    const token = held.token()
    if (token === null) throw new AuthError('signed_out', 'There is no sign-in.')
    return token
  }

/** One call at a time for each epoch, which all calls of that epoch share. A call of an earlier epoch is not shared: its result is ignored. */
const shareCalls = (epoch: () => number, work: () => Promise<void>): (() => Promise<void>) => {
  let underway: Promise<void> | null = null
  let began = 0
  return () => {
    if (underway !== null && began === epoch()) return underway
    began = epoch()
    const call = work().finally(() => {
      if (underway === call) underway = null
    })
    underway = call
    return call
  }
}

/** One timer, which waits for the next renewal or, after failures, for the next attempt. */
const createTimer = (work: () => void) => {
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let isOver = false
  const wait = (seconds: number) => {
    clearTimeout(timer)
    if (!isOver) timer = setTimeout(work, Math.min(seconds, TIMER_MOST_SECONDS) * 1000)
  }
  return {
    set: (seconds: number) => {
      failures = 0
      wait(seconds)
    },
    setRetry: (seconds: number | undefined) => {
      failures += 1
      wait(seconds ?? Math.min(RETRY_MOST_SECONDS, 2 ** failures) * (0.5 + Math.random() / 2))
    },
    clear: () => clearTimeout(timer),
    end: () => {
      isOver = true
      clearTimeout(timer)
    },
  }
}
