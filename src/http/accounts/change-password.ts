import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { ChangePassword } from '../../flows/account/change-password.ts'
import { type Handle, noContent } from '../server/route.ts'
import { readFields, TEXT } from './fields.ts'
import { OWNER_PROOF, type ReadOwnerProof } from './owner-proof.ts'
import { withBearer } from './with-bearer.ts'

const FIELDS = OWNER_PROOF.extend({ new_password: TEXT })

type Needs = Readonly<{
  changePassword: ChangePassword
  authenticateBearer: AuthenticateBearer
  readOwnerProof: ReadOwnerProof
}>

/** Ours (docs/decisions/0029) – POST /auth/password */
export const handleChangePassword = ({ changePassword, authenticateBearer, readOwnerProof }: Needs): Handle =>
  withBearer(authenticateBearer, async (bearer, call) => {
    const { new_password, ...given } = await readFields(call, FIELDS)
    await changePassword(bearer, { new_password, ownerProof: await readOwnerProof(call, bearer, given) })
    return noContent
  })
