import { type Config, clientPolicyOf } from '../config.ts'
import { invitationLink } from '../domain/account/invitation.ts'
import type { Upstream } from '../domain/upstream/upstream.ts'
import { createAuthenticateAdministrator } from '../flows/access/authenticate-administrator.ts'
import { createJudgeNewPassword } from '../flows/account/judge-new-password.ts'
import { createChangeAccounts } from '../flows/admin/change-accounts.ts'
import { createChangeClients } from '../flows/admin/change-clients.ts'
import type { EventFollowers } from '../flows/admin/event-followers.ts'
import { createFind } from '../flows/admin/find.ts'
import { createInvite } from '../flows/admin/invite.ts'
import { createShowAccount } from '../flows/admin/show-account.ts'
import type { adminRoutes } from '../http/admin/index.ts'
import { createAdministeredKeys } from '../signing/administered-keys.ts'
import { createClientRegistrations } from '../store/clients/client-registrations.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { Base } from './base.ts'
import type { ComposedMail } from './mail.ts'
import type { OpenParts } from './open.ts'

type Parts = Readonly<{
  base: Base
  opened: Pick<OpenParts, 'database' | 'keys' | 'key_seconds' | 'listedClients' | 'lookForClients'>
  accounts: Pick<ComposedAccounts, 'sendLinks' | 'exportPerson'>
  mail: Pick<ComposedMail, 'mailer'>
  followers: EventFollowers
  /** UPSTREAMS_FILE, as it is now. */
  upstreams: () => readonly Upstream[]
}>

export type ComposedAdmin = Omit<Parameters<typeof adminRoutes>[0], 'onBehalfOf' | 'findings'>

/** Composes the administration, which the internal listener serves. */
export const composeAdmin = (
  config: Config,
  { base, opened, accounts, mail, followers, upstreams }: Parts,
): ComposedAdmin => {
  const parts = { ...base, mailer: mail.mailer }
  const { sendLinks } = accounts
  const { issuer } = base
  const judgeNewPassword = createJudgeNewPassword({
    ...parts,
    min_characters: config.PASSWORD_MIN_CHARACTERS,
  })
  const mailPasswordLink = sendLinks.isOff ? null : sendLinks.passwordReset
  return {
    ...parts,
    authenticateAdministrator: createAuthenticateAdministrator(parts),
    // A proof is spent by the request that it came with.
    reexamineAdministrator: createAuthenticateAdministrator({ ...parts, judgeSender: async () => null }),
    followers,
    find: createFind(parts),
    showAccount: createShowAccount({ ...parts, upstreams }),
    exportPerson: accounts.exportPerson,
    key_seconds: opened.key_seconds,
    administeredKeys: createAdministeredKeys(
      { directory: config.KEYS_DIR, clock: base.clock },
      opened.keys.reload,
    ),
    changeClients: createChangeClients({
      ...parts,
      stored: createClientRegistrations(opened.database),
      listed: opened.listedClients,
      lookNow: opened.lookForClients,
      policy: clientPolicyOf(config),
    }),
    changeAccounts: createChangeAccounts({ ...parts, judgeNewPassword, mailPasswordLink }),
    invite: createInvite({
      ...parts,
      sign_up: config.SIGN_UP,
      valid_seconds: config.INVITATION_SECONDS,
      linkTo: token => invitationLink({ issuer, link_page: config.MAIL_LINK_URL }, token),
    }),
  }
}
