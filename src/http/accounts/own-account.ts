import { presentAccount } from '../../domain/account/account.ts'
import type { AuthenticateBearer } from '../../flows/access/authenticate-bearer.ts'
import type { DeleteAccount } from '../../flows/account/delete-account.ts'
import type { ExportAccount } from '../../flows/account/export-account.ts'
import type { Cookie } from '../server/cookies.ts'
import { type Call, type Handle, json, NO_STORE, noContent } from '../server/route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { readOptionalFields } from './fields.ts'
import { OWNER_PROOF, type ReadOwnerProof } from './owner-proof.ts'
import { withBearer } from './with-bearer.ts'

type Needs = Readonly<{
  deleteAccount: DeleteAccount
  exportAccount: ExportAccount
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
  deviceCookie: Cookie
  readOwnerProof: ReadOwnerProof
}>

/** Ours (docs/decisions/0029) – GET /auth/me */
export const handleShowAccount = ({ authenticateBearer }: Pick<Needs, 'authenticateBearer'>): Handle =>
  withBearer(authenticateBearer, async ({ account }) => json(200, presentAccount(account), NO_STORE))

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
