import { z } from 'zod'
import type { ConsentRecord } from '../../domain/authorization/consent.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { ExportPerson } from '../../flows/account/export-account.ts'
import type { Invite } from '../../flows/admin/invite.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { AdministeredAccounts } from '../../ports/administration.ts'
import type { Consents } from '../../ports/authorization.ts'
import { type Call, json, NO_STORE, noContent, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { idIn, LANGUAGE, languageIn, readMembers, readNothing } from './fields.ts'
import { versionsIn } from './versions.ts'

type Needs = Readonly<{
  administration: Pick<AccountAdministration, 'enable'>
  administeredAccounts: AdministeredAccounts
  consents: Consents
  exportPerson: ExportPerson
  invite: Invite
}>

type Ending = Omit<Parameters<AdministeredAccounts['end']>[0], 'id' | 'versions'>

/** Ours (docs/administration.md) – What ends something of an account, and what an account may have again. Each may be repeated. */
export const accountActionRoutes = (
  route: Administrating,
  { administration, administeredAccounts, consents, exportPerson, invite }: Needs,
): readonly Route[] => {
  const requireAccount = async (id: string) => {
    const account = await administeredAccounts.find(id)
    if (account === null) throw new Problem('NOT_FOUND')
    return account
  }
  /** Nothing was changed: the account is unknown, or has another version by now. */
  const refuse = async (id: string): Promise<never> => {
    await requireAccount(id)
    throw new Problem('CHANGED_MEANWHILE')
  }
  const end = async (call: Call, ending: Ending) => {
    const id = idIn(call, 'sub')
    await readNothing(call)
    const ended = await administeredAccounts.end({ id, versions: versionsIn(call), ...ending })
    return ended === null ? refuse(id) : endedReply(ended.families.length)
  }
  return [
    route('POST', '/accounts/:sub/disable', call => end(call, { reason: 'disabled', isDisabled: true })),
    route('POST', '/accounts/:sub/enable', async call => {
      await readNothing(call)
      if (await administration.enable(idIn(call, 'sub'))) return endedReply(0)
      throw new Problem('NOT_FOUND')
    }),
    route('POST', '/accounts/:sub/end-sign-ins', call => end(call, { reason: 'ended_by_operator' })),
    route('DELETE', '/accounts/:sub/factors', call =>
      end(call, { reason: 'factors_changed', withoutFactors: true }),
    ),
    route('DELETE', '/accounts/:sub', async call => {
      const id = idIn(call, 'sub')
      await readNothing(call)
      const ended = await administeredAccounts.delete({ id, versions: versionsIn(call) })
      return ended === null ? refuse(id) : { ...noContent, headers: NO_STORE }
    }),
    route('GET', '/accounts/:sub/export', async call => {
      const exported = await exportPerson(await requireAccount(idIn(call, 'sub')))
      if (exported === null) throw new Problem('NOT_FOUND')
      return json(200, exported, NO_STORE)
    }),
    route('GET', '/accounts/:sub/consents', async call => {
      const { id } = await requireAccount(idIn(call, 'sub'))
      return json(200, { items: (await consents.list(id)).map(presentConsent), next: null }, NO_STORE)
    }),
    route('DELETE', '/accounts/:sub/consents/:client_id', async call => {
      await readNothing(call)
      const { id: user_id } = await requireAccount(idIn(call, 'sub'))
      const client_id = call.context.req.param('client_id') ?? ''
      if (client_id.includes('\0')) throw new Problem('NOT_FOUND')
      const ended = await consents.withdraw({ user_id, client_id, reason: 'ended_by_operator' })
      return endedReply(ended?.length ?? 0)
    }),
    route('POST', '/invitations', async call => {
      const { email: given, language } = await readMembers(call, INVITATION)
      const about = { request_id: call.request_id }
      const { email, expires_at } = await invite({
        email: given,
        language: languageIn(call, language),
        about,
      })
      return json(201, { email, expires_at: expires_at.toISOString() }, NO_STORE)
    }),
  ]
}

const presentConsent = ({ client_id, granted, granted_at }: ConsentRecord) => ({
  client_id,
  granted,
  granted_at: granted_at.toISOString(),
})

const INVITATION = z.strictObject({ email: z.string('must be a string'), language: LANGUAGE.optional() })

/** How many sign-ins a request has ended. */
const endedReply = (ended: number) => json(200, { ended }, NO_STORE)
