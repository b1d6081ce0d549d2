import { z } from 'zod'
import { isUuid } from '../../domain/base/uuid.ts'
import { presentEvent } from '../../domain/events/present-event.ts'
import { fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import { presentAdministeredSignIn, stepsOf } from '../../domain/sign-in/administered-sign-in.ts'
import { filterBy } from '../../flows/events/event-filter.ts'
import type { AdministeredAccounts, AdministeredSignIns } from '../../ports/administration.ts'
import type { Events } from '../../ports/events.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { idIn, readNothing, readQuery } from './fields.ts'
import { LIST_PARAMETERS, listReply } from './lists.ts'

type Needs = Readonly<{
  administeredAccounts: Pick<AdministeredAccounts, 'find'>
  administeredSignIns: AdministeredSignIns
  refreshFamilies: Pick<RefreshFamilies, 'end'>
  events: Pick<Events, 'read'>
}>
type Of = Parameters<AdministeredSignIns['list']>[0]['of']

/** Ours (docs/administration.md) – Sign-ins: lists, one sign-in, what happened to it, and its end. */
export const administeredSignInRoutes = (
  route: Administrating,
  { administeredAccounts, administeredSignIns, refreshFamilies, events }: Needs,
): readonly Route[] => {
  const requireSignIn = async (sid: string) => {
    const signIn = await administeredSignIns.find(sid)
    if (signIn === null) throw new Problem('NOT_FOUND')
    return signIn
  }
  return [
    route('GET', '/sign-ins', call => {
      const { client_id, sub, after, limit } = readQuery(call, FILTER)
      if (client_id !== undefined && sub !== undefined)
        throw fieldInvalid({
          pointer: '#/client_id',
          detail: 'cannot be combined with sub: no index serves both',
        })
      const ofClient = client_id === undefined ? null : { client_id }
      return listSignIns(administeredSignIns, { of: sub === undefined ? ofClient : { sub }, after, limit })
    }),
    route('GET', '/accounts/:sub/sign-ins', async call => {
      const sub = idIn(call, 'sub')
      const page = readQuery(call, PAGE)
      if ((await administeredAccounts.find(sub)) === null) throw new Problem('NOT_FOUND')
      return listSignIns(administeredSignIns, { of: { sub }, ...page })
    }),
    route('GET', '/sign-ins/:sid', async call =>
      json(200, presentAdministeredSignIn(await requireSignIn(idIn(call, 'sid'))), NO_STORE),
    ),
    route('GET', '/sign-ins/:sid/timeline', async call => {
      const sid = idIn(call, 'sid')
      const page = { filter: filterBy({ sid }), after: null, limit: EVENTS_MOST }
      const [signIn, told] = await Promise.all([requireSignIn(sid), events.read(page)])
      const timeline = {
        sign_in: presentAdministeredSignIn(signIn),
        steps: stepsOf(signIn),
        events: told.events.toReversed().map(presentEvent),
      }
      return json(200, timeline, NO_STORE)
    }),
    route('POST', '/sign-ins/:sid/end', async call => {
      const id = idIn(call, 'sid')
      await readNothing(call)
      const ended = await refreshFamilies.end({
        family_id: id,
        user_id: null,
        salt: null,
        client_id: null,
        reason: 'ended_by_operator',
      })
      if (ended === null) throw new Problem('NOT_FOUND')
      return json(200, { ended: ended.has_ended ? 1 : 0 }, NO_STORE)
    }),
  ]
}

/** Events of one timeline, the newest ones, at most. */
const EVENTS_MOST = 1_000

const PAGE = z.strictObject(LIST_PARAMETERS)

const FILTER = PAGE.extend({
  client_id: z.string().min(1, 'must not be empty').max(1_024, 'must be 1024 characters at most').optional(),
  sub: z.string().refine(isUuid, 'must be the sub of an account').optional(),
})

type Listing = Readonly<{ of: Of; after?: string | undefined; limit: number }>

const listSignIns = (signIns: AdministeredSignIns, { of, after, limit }: Listing) =>
  listReply({
    name: `sign-ins ${JSON.stringify(of)}`,
    after,
    limit,
    keyOf: ({ id }) => id,
    isKey: isUuid,
    read: page => signIns.list({ of, ...page }),
    present: presentAdministeredSignIn,
  })
