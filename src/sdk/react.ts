/** React's way to a sign-in: a provider, a hook, and a guard of pages. docs/browser.md is the guide. */
import {
  createContext,
  createElement,
  Fragment,
  type ReactNode,
  useContext,
  useEffect,
  useSyncExternalStore,
} from 'react'
import type { Auth, AuthState } from './browser.ts'

const AuthContext = createContext<Auth | null>(null)

/** Gives `auth` to the components below. `auth` is created once, outside of the components. */
export const AuthProvider = ({ auth, children }: Readonly<{ auth: Auth; children?: ReactNode }>) =>
  createElement(AuthContext.Provider, { value: auth }, children)

const LOADING: AuthState = { status: 'loading', user: null, error: null }
const stateOnServer = () => LOADING

/** The state of the sign-in, which renders the component again when it changes, and the `auth` of the provider. On a server: `loading`. */
export const useAuth = (): AuthState & Readonly<{ auth: Auth }> => {
  const auth = useContext(AuthContext)
  if (auth === null) throw new Error('useAuth needs an AuthProvider above it')
  const state = useSyncExternalStore(auth.subscribe, auth.state, stateOnServer)
  return { ...state, auth }
}

type RequireAuthProps = Readonly<{
  children?: ReactNode
  /** What to show while it is not known whether the person is signed in. Default nothing. */
  loading?: ReactNode
  /** Leads a visitor to the sign-in, such as `() => auth.signIn()`. Called once for each time that the person is signed out. */
  onSignedOut: () => void
}>

/** Shows its children to a person who is signed in, and leads others to the sign-in. */
export const RequireAuth = ({ children, loading = null, onSignedOut }: RequireAuthProps) => {
  const { status } = useAuth()
  useEffect(() => {
    if (status !== 'signed-out') return
    // React's StrictMode runs an effect twice: the second run takes the place of the first.
    const timer = setTimeout(() => onSignedOut())
    return () => clearTimeout(timer)
    // `onSignedOut` may be a new function at each render, which must not lead away again.
  }, [status])
  return createElement(Fragment, null, status === 'signed-in' ? children : loading)
}
