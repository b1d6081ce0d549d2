import { z } from 'zod'
import { fieldInvalid } from '../../domain/base/problem.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import { presentAdministeredSignIn } from '../../domain/sign-in/administered-sign-in.ts'
import type { AdministeredSignIns } from '../../ports/administration.ts'
import type { Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { readQuery } from './fields.ts'
import { LIST_PARAMETERS, listReply } from './lists.ts'

type Needs = Readonly<{ administeredSignIns: AdministeredSignIns }>
type Of = Parameters<AdministeredSignIns['list']>[0]['of']

/** Ours (docs/administration.md) */
export const administeredSignInRoutes = (
  route: Administrating,
  { administeredSignIns }: Needs,
): readonly Route[] => [
  route('GET', '/sign-ins', call => {
    const { client_id, sub, after, limit } = readQuery(call, FILTER)
    if (client_id !== undefined && sub !== undefined)
      throw fieldInvalid({
        pointer: '#/client_id',
        detail: 'cannot be combined with sub: no index serves both; a person has few sign-ins',
      })
    const of = sub === undefined ? (client_id === undefined ? null : { client_id }) : { sub }
    return listSignIns(administeredSignIns, { of, after, limit })
  }),
]

const FILTER = z.strictObject({
  ...LIST_PARAMETERS,
  client_id: z.string().min(1, 'must not be empty').max(1_024, 'must be 1024 characters at most').optional(),
  sub: z.string().refine(isUuid, 'must be the sub of an account').optional(),
})

type Listing = Readonly<{ of: Of; after: string | undefined; limit: number }>

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
