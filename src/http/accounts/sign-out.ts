import { z } from 'zod'
import type { AuthenticateBearer } from '../../flows/bearer.ts'
import type { SignOut } from '../../flows/sign-out.ts'
import { hasBody, readJson } from '../body.ts'
import { type Handle, noContent } from '../route.ts'
import { parseFields } from './fields.ts'

const FIELDS = z.object({
  refresh_token: z.string('must be a string').min(1, 'must not be empty').optional(),
  everywhere: z.boolean('must be true or false').default(false),
})

type Needs = Readonly<{ signOut: SignOut; authenticateBearer: AuthenticateBearer }>

/** Contract – POST /auth/logout, by bearer token or by refresh token. The bearer token goes first when both are there. */
export const handleSignOut =
  ({ signOut, authenticateBearer }: Needs): Handle =>
  async call => {
    const { refresh_token, everywhere } = parseFields(hasBody(call) ? await readJson(call) : {}, FIELDS)
    const authorization = call.header('authorization')
    if (authorization === undefined && refresh_token !== undefined)
      await signOut.byRefreshToken(refresh_token, { everywhere })
    else await signOut.byBearer(await authenticateBearer(authorization), { everywhere })
    return noContent
  }
