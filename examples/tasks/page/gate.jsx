import { useEffect } from 'react'
import { useAuth } from 'signetd-browser/react'
import { auth, choose } from './auth.js'
import { Brand, Fault, Loading, Title, useAction } from './parts.jsx'
import { go } from './route.js'

/** A page with one thing to do. */
export const Gate = ({ title, lead, children }) => (
  <div className="gate">
    <main>
      <Brand />
      <div className="card">
        <div className="lead">
          <Title>{title}</Title>
          {lead && <p className="muted">{lead}</p>}
        </div>
        {children}
      </div>
    </main>
    <footer className="foot">A sample application of Signet</footer>
  </div>
)

/** While it is not known whether the person is signed in; after a failure, the library goes on trying. */
export const Waiting = () => {
  const { error } = useAuth()
  return (
    <Gate title="One moment">
      <Loading>
        {error
          ? 'The sign-in server cannot be reached just now. This page goes on by itself as soon as it answers.'
          : 'Looking for your sign-in…'}
      </Loading>
    </Gate>
  )
}

const FAULTS = {
  'sign-in': 'The sign-in server cannot be reached just now. Please try again in a moment.',
  'sign-out':
    'You are signed out here, but the sign-in server could not be told. Please sign in and out again when you are connected.',
}

/** The first page, with the two ways to sign in. */
export const StartPage = () => {
  const { status, error } = useAuth()
  const fault = FAULTS[new URLSearchParams(location.search).get('fault')]
  return (
    <Gate title="What is to be done?" lead="Your tasks, and an assistant that looks after them.">
      <Fault>{fault}</Fault>
      {status === 'loading' && error === null && <Loading />}
      {status === 'signed-in' && <button onClick={() => go('/tasks')}>Go to your tasks</button>}
      {(status === 'signed-out' || error !== null) && (
        <>
          <button onClick={() => choose('own', '/sign-in')}>Sign in</button>
          <button className="quiet" onClick={() => choose('own', '/sign-up')}>
            Create an account
          </button>
          <div className="or">or</div>
          <button className="quiet" onClick={() => choose('hosted', '/tasks')}>
            Sign in on Signet’s pages
          </button>
          <p className="muted small">
            The first two are forms of this application. The third leads to the pages of the sign-in server,
            with passkeys and everything else that it offers.
          </p>
        </>
      )}
    </Gate>
  )
}

/** Where Signet's pages send the person back to. */
export const CallbackPage = () => {
  const { error, act } = useAction()
  useEffect(() => {
    act(async () => go(await auth.completeSignIn(), { replace: true }))
  }, [])
  if (error === null) return <Waiting />
  return (
    <Gate title="That did not work">
      <Fault>{error.message}</Fault>
      <button onClick={() => choose('hosted', '/tasks')}>Sign in again</button>
    </Gate>
  )
}
