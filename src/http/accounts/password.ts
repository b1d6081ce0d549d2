import { z } from 'zod'
import type { AuthenticateBearer } from '../../flows/bearer.ts'
import type { ChangePassword } from '../../flows/change-password.ts'
import { type Handle, noContent } from '../route.ts'
import { withBearer } from './bearer.ts'
import { readFields, TEXT } from './fields.ts'

const FIELDS = z.object({ current_password: TEXT, new_password: TEXT })

type Needs = Readonly<{ changePassword: ChangePassword; authenticateBearer: AuthenticateBearer }>

/** Contract – POST /auth/password */
export const handleChangePassword = ({ changePassword, authenticateBearer }: Needs): Handle =>
  withBearer(authenticateBearer, async (bearer, call) => {
    await changePassword(bearer, await readFields(call, FIELDS))
    return noContent
  })
