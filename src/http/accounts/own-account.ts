import { z } from 'zod'
import { type Person, type ProfileField, presentOwnAccount } from '../../domain/account/profile.ts'
import type { AuthenticateBearer, Bearer } from '../../flows/access/authenticate-bearer.ts'
import type { DeleteAccount } from '../../flows/account/delete-account.ts'
import type { ExportAccount } from '../../flows/account/export-account.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { Cookie } from '../server/cookies.ts'
import { type Call, type Handle, json, NO_STORE, noContent } from '../server/route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { readFields, readOptionalFields, TEXT } from './fields.ts'
import { OWNER_PROOF, type ReadOwnerProof } from './owner-proof.ts'
import { withBearer } from './with-bearer.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  deleteAccount: DeleteAccount
  exportAccount: ExportAccount
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
  deviceCookie: Cookie
  readOwnerProof: ReadOwnerProof
}>

type Own = Pick<Needs, 'authenticateBearer' | 'ownProfile'>

/** Ours (docs/decisions/0029) – GET /auth/me */
export const handleShowAccount = ({ authenticateBearer, ownProfile }: Own): Handle =>
  withBearer(authenticateBearer, async bearer => showOwn(bearer, await ownProfile.read(bearer)))

/** A claim of the profile: null and an empty string take it away. */
const CLAIM = TEXT.nullable()
  .transform(claim => claim ?? '')
  .optional()

const PROFILE = z.object({
  name: CLAIM,
  given_name: CLAIM,
  family_name: CLAIM,
  preferred_username: CLAIM,
  picture: CLAIM,
  locale: CLAIM,
  zoneinfo: CLAIM,
} satisfies Record<ProfileField, z.ZodType>)

/** RFC 5789 – PATCH /auth/me: changes the given claims of the profile, and leaves the others as they are. */
export const handleChangeProfile = ({ authenticateBearer, ownProfile }: Own): Handle =>
  withBearer(authenticateBearer, async (bearer, call) =>
    showOwn(bearer, await ownProfile.change(bearer, await readFields(call, PROFILE))),
  )

const showOwn = ({ account }: Bearer, person: Person) =>
  json(200, presentOwnAccount(account, person), NO_STORE)

/** Ours – DELETE /auth/me: clears the browser's cookies too. */
export const handleDeleteAccount = (needs: Needs): Handle =>
  withBearer(needs.authenticateBearer, async (bearer, call) => {
    const given = await readOptionalFields(call, OWNER_PROOF)
    await needs.deleteAccount(bearer, await needs.readOwnerProof(call, bearer, given))
    const { cookies = [] } = needs.cookieTransport.forget(call)
    return { ...noContent, cookies: [...cookies, ...forgetDevice(needs.deviceCookie, call)] }
  })

const forgetDevice = (cookie: Cookie, call: Call) => (cookie.read(call) === null ? [] : [cookie.clear])

const ATTACHMENT = { ...NO_STORE, 'Content-Disposition': 'attachment; filename="account.json"' }

/** Ours – GET /auth/me/export */
export const handleExportAccount = ({
  exportAccount,
  authenticateBearer,
}: Pick<Needs, 'exportAccount' | 'authenticateBearer'>): Handle =>
  withBearer(authenticateBearer, async bearer => json(200, await exportAccount(bearer), ATTACHMENT))
