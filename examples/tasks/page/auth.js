import { createAccountAuth, createFetch, createPagesAuth } from 'signetd-browser'
import { go } from './route.js'

export const issuer = import.meta.env.VITE_ISSUER
const client_id = 'tasks'
const CHOICE = 'tasks sign-in'

/** Starts the page anew with one of the two ways to sign in: `own` forms, or the `hosted` pages of Signet. */
export const choose = (way, path) => {
  localStorage.setItem(CHOICE, way)
  location.assign(path)
}

/** Pages that belong to one of the two. */
const WAYS = { '/sign-in': 'own', '/sign-up': 'own', '/callback': 'hosted' }
const way = WAYS[location.pathname] ?? localStorage.getItem(CHOICE) ?? 'own'
localStorage.setItem(CHOICE, way)
const isHosted = way === 'hosted'

/** The one object of the page that knows the sign-in. An application of your own has one of the two. */
export const auth = isHosted
  ? createPagesAuth({
      issuer,
      client_id,
      redirect_uri: `${location.origin}/callback`,
      post_logout_redirect_uri: `${location.origin}/`,
    })
  : createAccountAuth({ issuer, client_id })

export const apiFetch = createFetch(auth, { origins: [location.origin] })

/** Leads a visitor to the sign-in, and back to this page. */
export const leadToSignIn = () => {
  if (isHosted) auth.signIn().catch(() => go('/?fault=sign-in'))
  else go(`/sign-in?${new URLSearchParams({ return_to: location.pathname + location.search })}`)
}

export const signOut = () => {
  go('/')
  auth.signOut().catch(() => go('/?fault=sign-out'))
}

/** A path of this origin, where the person was; what came with the address may name another. */
export const returnPath = () => {
  const given = new URLSearchParams(location.search).get('return_to') ?? '/tasks'
  if (!URL.canParse(given, location.origin)) return '/tasks'
  const { origin, pathname, search } = new URL(given, location.origin)
  return origin === location.origin ? pathname + search : '/tasks'
}
