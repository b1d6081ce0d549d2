import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { AuthProvider, RequireAuth, useAuth } from 'signetd-browser/react'
import { auth, leadToSignIn, signOut } from './auth.js'
import { Chat } from './chat.jsx'
import { CallbackPage, StartPage, Waiting } from './gate.jsx'
import { Brand, Icon, Link, Title } from './parts.jsx'
import { usePath } from './route.js'
import { SignInPage, SignUpPage } from './sign-in.jsx'
import './style.css'
import { TaskPage } from './task-page.jsx'
import { TaskList } from './tasks.jsx'

const Top = () => {
  const { user } = useAuth()
  return (
    <header className="top">
      <Brand />
      <span className="muted small who">{user.email}</span>
      <button className="quiet slim" onClick={signOut}>
        Sign out
      </button>
    </header>
  )
}

const Tab = ({ to, icon, label }) => (
  <Link to={to} aria-current={location.pathname === to ? 'page' : undefined}>
    <Icon name={icon} /> {label}
  </Link>
)

/** Tasks and chat side by side; on a telephone one of them, by the address. */
const Overview = ({ path }) => {
  const [version, setVersion] = useState(0)
  const change = () => setVersion(count => count + 1)
  return (
    <main className={`stay wide overview ${path === '/chat' ? 'on-chat' : 'on-tasks'}`}>
      <Title hidden>Tasks and assistant</Title>
      <nav className="tabs" aria-label="Tasks and assistant">
        <Tab to="/tasks" icon="list" label="Tasks" />
        <Tab to="/chat" icon="spark" label="Assistant" />
      </nav>
      <TaskList version={version} onChange={change} />
      <Chat onChange={change} />
    </main>
  )
}

const Page = () => {
  const path = usePath()
  if (path === '/') return <StartPage />
  if (path === '/sign-in') return <SignInPage />
  if (path === '/sign-up') return <SignUpPage />
  if (path === '/callback') return <CallbackPage />
  const [, id] = /^\/tasks\/([^/]+)$/.exec(path) ?? []
  return (
    <RequireAuth loading={<Waiting />} onSignedOut={leadToSignIn}>
      <Top />
      {id ? <TaskPage key={id} id={id} /> : <Overview path={path} />}
    </RequireAuth>
  )
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <AuthProvider auth={auth}>
      <Page />
    </AuthProvider>
  </StrictMode>,
)
