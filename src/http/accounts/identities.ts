import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { OwnIdentity } from '../../flows/factors/own-ways.ts'
import type { OwnIdentities } from '../../flows/upstream/own-identities.ts'
import { json, NO_STORE, noContent } from '../server/route.ts'
import type { AccountRoute } from './account-route.ts'
import { readOptionalFields } from './fields.ts'
import { OWNER_PROOF, type ReadOwnerProof } from './owner-proof.ts'
import { withBearer } from './with-bearer.ts'

type Needs = Readonly<{
  ownIdentities: OwnIdentities
  authenticateBearer: AuthenticateBearer
  readOwnerProof: ReadOwnerProof
}>

/** Ours (docs/decisions/0050) – Lists and removes the identities of the person at other providers. A page adds one: its person has to go there. */
export const identityRoutes = ({
  ownIdentities,
  authenticateBearer,
  readOwnerProof,
}: Needs): readonly AccountRoute[] => {
  const list = withBearer(authenticateBearer, async bearer => {
    const identities = await ownIdentities.list(bearer)
    return json(200, { identities: identities.map(presentIdentity) }, NO_STORE)
  })
  const remove = withBearer(authenticateBearer, async (bearer, call) => {
    const given = await readOptionalFields(call, OWNER_PROOF)
    const id = call.context.req.param('id') ?? ''
    await ownIdentities.unlink(bearer, { id, proof: await readOwnerProof(call, bearer, given) })
    return noContent
  })
  return [
    { method: 'GET', path: '/auth/identities', handle: list },
    { method: 'DELETE', path: '/auth/identities/:id', handle: remove },
  ]
}

const presentIdentity = ({ id, issuer, subject, email, label, created_at }: OwnIdentity) => ({
  id,
  issuer,
  subject,
  email,
  label,
  created_at: created_at.toISOString(),
})
