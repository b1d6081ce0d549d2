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

/** For the link's `onClick`: a plain click stays in the page. */
export const stay = event => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
  event.preventDefault()
  go(event.currentTarget.getAttribute('href'))
}
