import { presentSignIn } from '../../domain/sign-in/sign-in.ts'
import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { SignIns } from '../../flows/sign-in/sign-ins.ts'
import { type Handle, json, NO_STORE, noContent } from '../server/route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { withBearer } from './with-bearer.ts'

type Needs = Readonly<{
  signIns: SignIns
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
}>

/** Ours (docs/decisions/0029) – GET /auth/sessions: lists the living sign-ins, the most recently used first. */
export const handleListSignIns = ({ signIns, authenticateBearer }: Needs): Handle =>
  withBearer(authenticateBearer, async bearer => {
    const list = await signIns.list(bearer)
    return json(200, { sessions: list.map(signIn => presentSignIn(signIn, bearer.claims.sid)) }, NO_STORE)
  })

/** Ours (docs/decisions/0029) – DELETE /auth/sessions/{id} */
export const handleEndSignIn = ({ signIns, authenticateBearer, cookieTransport }: Needs): Handle =>
  withBearer(authenticateBearer, async (bearer, call) => {
    const id = call.context.req.param('id') ?? ''
    await signIns.end(bearer, id)
    return id === bearer.claims.sid ? { ...noContent, ...cookieTransport.forget(call) } : noContent
  })

/** Ours – DELETE /auth/sessions: ends every other sign-in. /auth/logout with "everywhere" ends this one too. */
export const handleEndOtherSignIns = ({ signIns, authenticateBearer }: Needs): Handle =>
  withBearer(authenticateBearer, async bearer => {
    await signIns.endOthers(bearer)
    return noContent
  })
