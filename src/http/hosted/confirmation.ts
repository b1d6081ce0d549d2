import type { Confirmation, PendingIdentity } from '../../domain/authorization/interaction-seal.ts'
import type { Asking } from '../pages/asking.ts'
import { confirmationPage } from '../pages/confirmation.ts'
import type { SignInNotice } from '../pages/sign-in.ts'
import type { PasskeyRequestOf, Shown } from './interactions.ts'

type Needs = Readonly<{ passkeyRequestOf: PasskeyRequestOf; isResetOffered: boolean }>
type Confirming = Readonly<{
  confirmation: Confirmation
  /** Undefined: the person is signed in, and proves it again. */
  identity: PendingIdentity | undefined
  asking: Asking | null
  notice: SignInNotice | null
}>

/** Where a person who is signed in proves again who they are. Its form is answered as the one of the sign-in is. */
export const confirmationOf = (
  { passkeyRequestOf, isResetOffered }: Needs,
  { confirmation, identity, asking, notice }: Confirming,
): Shown => ({
  path: '/sign-in',
  page: sealed =>
    confirmationPage({
      sealed,
      confirmation,
      identity,
      asking,
      passkey: passkeyRequestOf(sealed),
      isResetOffered,
      notice,
    }),
})
