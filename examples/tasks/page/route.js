import { useSyncExternalStore } from 'react'

const CHANGE = 'popstate'

/** Goes to a path of this page without loading it again. */
export const go = (path, { replace = false } = {}) => {
  history[replace ? 'replaceState' : 'pushState'](null, '', path)
  window.dispatchEvent(new PopStateEvent(CHANGE))
}

const subscribe = listener => {
  window.addEventListener(CHANGE, listener)
  return () => window.removeEventListener(CHANGE, listener)
}

export const usePath = () => useSyncExternalStore(subscribe, () => location.pathname)
