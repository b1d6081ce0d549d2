import type { Interaction } from '../../domain/authorization/interaction-seal.ts'
import type { SignedInOnPages } from '../../flows/sign-in/browser-sign-in.ts'
import type { LinkIdentity } from '../../flows/upstream/own-identities.ts'
import { languageFor } from '../server/language.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Call } from '../server/route.ts'

/** Links the identity of an interaction to the account whose owner has just signed in; nothing without one. */
export type LinkProven = (call: Call, interaction: Interaction, signedIn: SignedInOnPages) => Promise<void>

export const createLinkProven =
  ({ linkIdentity }: Readonly<{ linkIdentity: LinkIdentity }>): LinkProven =>
  async (call, { identity, confirmation }, { account }) => {
    if (identity === undefined || account.id !== confirmation?.account_id) return
    await linkIdentity({
      account,
      identity,
      label: identity.label,
      language: languageFor(call),
      request_id: requestSourceOf(call).request_id,
    })
  }
