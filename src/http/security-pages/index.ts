import { acceptedPasskeys } from '../../domain/factors/passkey.ts'
import type { Clock } from '../../ports/effects.ts'
import { createConfirming } from '../account-pages/confirming.ts'
import { type Act, createVisits, frameOf, type Show } from '../account-pages/visit.ts'
import { pageReply } from '../server/page-reply.ts'
import { onVisit } from '../server/prefetch.ts'
import type { Call, Route } from '../server/route.ts'
import { confirmAuthenticator, showAuthenticator } from './authenticator.ts'
import { addIdentity, removeIdentity, showAdding, showIdentityRemoval } from './identities.ts'
import { type Done, overviewPage } from './overview-page.ts'
import { addPasskey, savePasskeyName, showNewPasskey, showPasskeyName } from './passkeys.ts'
import { savePassword, showPassword } from './password.ts'
import { renewRecoveryCodes, showRecoveryRenewal } from './recovery-codes.ts'
import { removeFactor, showRemoval } from './removal.ts'

type Needs = Readonly<{ clock: Clock; rp_id: string }> &
  Parameters<typeof createVisits>[0] &
  Parameters<typeof createConfirming>[0] &
  Parameters<typeof showPassword>[0] &
  Parameters<typeof showAuthenticator>[0] &
  Parameters<typeof showNewPasskey>[0] &
  Parameters<typeof showRecoveryRenewal>[0] &
  Parameters<typeof showRemoval>[0] &
  Parameters<typeof showAdding>[0]

const common = { cors: 'none', errors: 'page' } as const

/** Ours – How a person signs in, seen and changed by themselves: the tab of the account page, and a page for each change. */
export const securityPageRoutes = (needs: Needs): readonly Route[] => {
  const { showing, acting } = createVisits(needs)
  const confirming = createConfirming(needs)
  /** A page, which may begin an enrolment, and what answers its form. */
  const pair = (path: string, show: Show, act: Act): readonly Route[] => [
    { ...common, method: 'GET', path, handle: onVisit(showing(confirming(show))) },
    { ...common, method: 'POST', path, handle: acting(confirming(act)) },
  ]
  return [
    { ...common, method: 'GET', path: '/account/security', handle: showing(showOverview(needs)) },
    ...pair('/account/security/password', showPassword(needs), savePassword(needs)),
    ...pair('/account/security/authenticator', showAuthenticator(needs), confirmAuthenticator(needs)),
    ...pair('/account/security/passkeys', showNewPasskey(needs), addPasskey(needs)),
    ...pair('/account/security/passkeys/:id', showPasskeyName(needs), savePasskeyName(needs)),
    ...pair('/account/security/upstream/:id', showAdding(needs), addIdentity(needs)),
    ...pair('/account/security/identities/:id', showIdentityRemoval(needs), removeIdentity(needs)),
    ...pair('/account/security/recovery-codes', showRecoveryRenewal(needs), renewRecoveryCodes(needs)),
    ...['/account/security/authenticator/remove', '/account/security/passkeys/:id/remove'].flatMap(path =>
      pair(path, showRemoval(needs), removeFactor(needs)),
    ),
  ]
}

const showOverview =
  ({ ownProfile, ownSecurity, ownIdentities, isResetOffered, rp_id, clock }: Needs): Show =>
  async (call, visit) => {
    const { actor } = visit
    const [person, security, identities] = await Promise.all([
      ownProfile.read(actor),
      ownSecurity.find(actor),
      ownIdentities.list(actor),
    ])
    const { passkeys } = security
    const page = overviewPage({
      frame: frameOf(person, visit),
      security,
      identities,
      accepted: acceptedPasskeys({ rp_id, account_id: actor.account.id, passkeys }),
      isResetOffered,
      done: doneOf(call),
      now: clock(),
    })
    return pageReply(call, 200, page)
  }

const doneOf = ({ context }: Call): Done | null => {
  const done = context.req.query('done')
  return done === 'changed' || done === 'renamed' || done === 'linked' ? done : null
}
