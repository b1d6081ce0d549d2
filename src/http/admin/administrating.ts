import { Problem } from '../../domain/refusals/problem.ts'
import type {
  Administrator,
  AuthenticateAdministrator,
} from '../../flows/access/authenticate-administrator.ts'
import type { OnBehalfOf } from '../../ports/events.ts'
import { awaitBody } from '../server/body.ts'
import { catchingProblems } from '../server/refusal.ts'
import { tokenRequestOf } from '../server/request-source.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'

/** Requests that one instance answers at once: each holds a connection to the database, which sign-ins need too. */
const AT_ONCE_MOST = 16
const RETRY_AFTER_SECONDS = 1

type Needs = Readonly<{ authenticateAdministrator: AuthenticateAdministrator; onBehalfOf: OnBehalfOf }>
type Act = (call: Call, administrator: Administrator) => Promise<Reply>
/** Makes one route. */
export type Administrating = (method: Route['method'], path: string, act: Act) => Route

/**
 * Ours – Makes routes of the administration. An administrator and a viewer may GET; everything else is the administrator's. The line in the
 * log names the caller, also where the request is refused. There are no cookies, and no page of another origin can read or send anything.
 */
export const createAdministrating = ({ authenticateAdministrator, onBehalfOf }: Needs): Administrating => {
  const occupied = createPlaces(AT_ONCE_MOST)
  return (method, path, act) => {
    const handle: Handle = async call => {
      if (method !== 'GET') await awaitBody(call)
      const administrator = await authenticateAdministrator(tokenRequestOf(call))
      const { role, actor } = administrator
      const { ip, request_id } = call
      const reply = await catchingProblems(async each => {
        if (method !== 'GET' && role !== 'admin')
          throw new Problem('SCOPE_INSUFFICIENT', { reason: 'viewer_changes' })
        return onBehalfOf({ actor, ip, request_id }, () => act(each, administrator))
      })(call)
      return { ...reply, log: { ...reply.log, administrator: nameOfActor(actor) } }
    }
    return { method, path: `/admin${path}`, cors: 'none', errors: 'problem', handle: occupied(handle) }
  }
}

/** The caller in one word, as the log and `GET /admin/me` have it. */
export const nameOfActor = ({ type, id }: Administrator['actor']): string => `${type}:${id}`

const createPlaces = (most: number) => {
  let taken = 0
  return (handle: Handle): Handle =>
    async call => {
      if (taken >= most)
        throw new Problem('RATE_LIMITED', {
          reason: 'administration_busy',
          retry_after_seconds: RETRY_AFTER_SECONDS,
        })
      taken += 1
      try {
        return await handle(call)
      } finally {
        taken -= 1
      }
    }
}
