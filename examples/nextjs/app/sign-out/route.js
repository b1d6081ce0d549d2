import { NextResponse } from 'next/server'
import { client_id, issuer, origin } from '../../auth.js'
import { putSession, readSession } from '../../session.js'
import { revoke } from '../../tokens.js'

/** Ends the session here and the sign-in, and then the session of the browser at Signet. */
export const POST = async request => {
  const session = await readSession(request.cookies)
  if (session === null) return NextResponse.redirect(`${origin}/`, 303)
  await revoke(session).catch(error => console.error('Not revoked:', error.message))
  // OpenID Connect RP-Initiated Logout 1.0 §2: with the ID token Signet asks nothing.
  const logout = new URL('/logout', issuer)
  logout.search = new URLSearchParams({
    id_token_hint: session.id_token,
    client_id,
    post_logout_redirect_uri: `${origin}/`,
  })
  return putSession(request, null, () => NextResponse.redirect(logout, 303))
}
