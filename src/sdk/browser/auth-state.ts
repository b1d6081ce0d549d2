import type { AuthState } from './auth.ts'

export const LOADING = { status: 'loading', user: null, error: null } as const

/** The state of the sign-in in one page, and those who listen to it. */
export const createAuthState = () => {
  const listeners = new Set<() => void>()
  let current: AuthState = LOADING
  let isOver = false
  const tell = () => {
    for (const listener of listeners) listener()
  }
  return {
    current: () => current,
    change: (next: AuthState) => {
      current = next
      tell()
    },
    subscribe: (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    /** Resolves with the first state that is not `loading`, or the last one when the page has no more use for it. */
    ready: () =>
      new Promise<AuthState>(resolve => {
        const listener = () => {
          if (current.status === 'loading' && !isOver) return
          listeners.delete(listener)
          resolve(current)
        }
        listeners.add(listener)
        listener()
      }),
    finish: () => {
      isOver = true
      tell()
      listeners.clear()
    },
  }
}
