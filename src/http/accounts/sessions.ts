import { presentSession } from '../../domain/session.ts'
import type { AuthenticateBearer } from '../../flows/bearer.ts'
import type { Sessions } from '../../flows/sessions.ts'
import { type Handle, json, NO_STORE, noContent } from '../route.ts'
import type { CookieTransport } from './cookie-transport.ts'

type Needs = Readonly<{
  sessions: Sessions
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
}>

/** Contract – GET /auth/sessions: the one used last comes first. */
export const handleListSessions =
  ({ sessions, authenticateBearer }: Needs): Handle =>
  async ({ header }) => {
    const bearer = await authenticateBearer(header('authorization'))
    const list = await sessions.list(bearer)
    const body = { sessions: list.map(session => presentSession(session, bearer.claims.sid)) }
    return { ...json(200, body, NO_STORE), log: { sub: bearer.account.id } }
  }

/** Contract – DELETE /auth/sessions/{id} */
export const handleEndSession =
  ({ sessions, authenticateBearer, cookieTransport }: Needs): Handle =>
  async call => {
    const bearer = await authenticateBearer(call.header('authorization'))
    const id = call.context.req.param('id') ?? ''
    await sessions.end(bearer, id)
    const cookies = id === bearer.claims.sid ? cookieTransport.forget(call) : {}
    return { ...noContent, ...cookies, log: { sub: bearer.account.id } }
  }

/** Ours – DELETE /auth/sessions: every other sign-in. All of them, this one too, is logout with "everywhere". */
export const handleEndOtherSessions =
  ({ sessions, authenticateBearer }: Needs): Handle =>
  async ({ header }) => {
    const bearer = await authenticateBearer(header('authorization'))
    await sessions.endOthers(bearer)
    return { ...noContent, log: { sub: bearer.account.id } }
  }
