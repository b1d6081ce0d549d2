import type { Tabs } from './tabs.ts'

type Needs = Readonly<{
  /** The page is seen or connected again: its token may be old, or a failure may have passed. */
  comeBack: () => Promise<void>
  askServer: () => Promise<void>
  tabs: Pick<Tabs, 'open' | 'close'>
}>

/**
 * A page in the back-forward cache hears of nothing: it asks the server when it is shown again. A page with an open channel cannot enter
 * that cache. Returns the function that ends the listening.
 */
export const listenToPage = ({ comeBack, askServer, tabs }: Needs): (() => void) => {
  if (typeof window === 'undefined') return () => {}
  const stopping = new AbortController()
  const { signal } = stopping
  const seen = () => {
    if (document.visibilityState === 'visible') void comeBack()
  }
  document.addEventListener('visibilitychange', seen, { signal })
  window.addEventListener('online', seen, { signal })
  window.addEventListener('pagehide', tabs.close, { signal })
  const shown = ({ persisted }: PageTransitionEvent) => {
    if (!persisted) return
    tabs.open()
    void askServer()
  }
  window.addEventListener('pageshow', shown, { signal })
  return () => stopping.abort()
}
