// Before each page: the one place that can both hand a new session to the page and send it to the browser.
import { NextResponse } from 'next/server'
import { putSession, readSession } from './session.js'
import { isDue, refreshOnce } from './tokens.js'

/** The session goes on with the tokens that it has while Signet does not answer. */
const keep = session => error => {
  console.error('No refresh:', error.message)
  return session
}

export const proxy = async request => {
  const session = await readSession(request.cookies)
  if (session === null || !isDue(session)) return NextResponse.next()
  const refreshed = await refreshOnce(session).catch(keep(session))
  if (refreshed === session) return NextResponse.next()
  return putSession(request, refreshed, () => NextResponse.next({ request: { headers: request.headers } }))
}

// Auth.js writes the session itself on its own pages.
export const config = { matcher: '/((?!api/auth/|_next/).*)' }
