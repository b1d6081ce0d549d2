import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { ChangePassword } from '../../flows/account/change-password.ts'
import { type Handle, noContent } from '../server/route.ts'
import { withBearer } from './bearer.ts'
import { readFields, TEXT } from './fields.ts'
import { type ReadShown, SHOWN } from './owner-proof.ts'

const FIELDS = SHOWN.extend({ new_password: TEXT })

type Needs = Readonly<{
  changePassword: ChangePassword
  authenticateBearer: AuthenticateBearer
  readShown: ReadShown
}>

/** Contract – POST /auth/password */
export const handleChangePassword = ({ changePassword, authenticateBearer, readShown }: Needs): Handle =>
  withBearer(authenticateBearer, async (bearer, call) => {
    const { new_password, ...given } = await readFields(call, FIELDS)
    await changePassword(bearer, { new_password, shown: await readShown(call, bearer, given) })
    return noContent
  })
