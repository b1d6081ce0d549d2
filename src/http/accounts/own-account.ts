import { z } from 'zod'
import type { AuthenticateBearer } from '../../flows/bearer.ts'
import type { DeleteAccount } from '../../flows/delete-account.ts'
import type { ExportAccount } from '../../flows/export-account.ts'
import type { Cookie } from '../cookies.ts'
import { type Call, type Handle, json, NO_STORE, noContent } from '../route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { readFields, TEXT } from './fields.ts'

const FIELDS = z.object({ current_password: TEXT })

type Needs = Readonly<{
  deleteAccount: DeleteAccount
  exportAccount: ExportAccount
  authenticateBearer: AuthenticateBearer
  cookieTransport: CookieTransport
  deviceCookie: Cookie
}>

/** Ours – DELETE /auth/me: the browser's cookies go with the account. */
export const handleDeleteAccount =
  ({ deleteAccount, authenticateBearer, cookieTransport, deviceCookie }: Needs): Handle =>
  async call => {
    const bearer = await authenticateBearer(call.header('authorization'))
    await deleteAccount(bearer, await readFields(call, FIELDS))
    const { cookies = [] } = cookieTransport.forget(call)
    return {
      ...noContent,
      cookies: [...cookies, ...forgetDevice(deviceCookie, call)],
      log: { sub: bearer.account.id },
    }
  }

const forgetDevice = (cookie: Cookie, call: Call) => (cookie.read(call) === null ? [] : [cookie.clear])

const ATTACHMENT = { ...NO_STORE, 'Content-Disposition': 'attachment; filename="account.json"' }

/** Ours – GET /auth/me/export */
export const handleExportAccount =
  ({ exportAccount, authenticateBearer }: Needs): Handle =>
  async ({ header }) => {
    const bearer = await authenticateBearer(header('authorization'))
    return { ...json(200, await exportAccount(bearer), ATTACHMENT), log: { sub: bearer.account.id } }
  }
