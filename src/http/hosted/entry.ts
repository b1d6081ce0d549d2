import type { SignUpMode } from '../../domain/account/invitation.ts'
import { signInPage } from '../pages/sign-in.ts'
import { signUpPage } from '../pages/sign-up.ts'
import type { Call } from '../server/route.ts'
import type { PasskeyRequestOf, Shown } from './interactions.ts'

type Needs = Readonly<{
  sign_up: SignUpMode
  isResetOffered: boolean
  passkeyRequestOf: PasskeyRequestOf
  min_characters: number
}>

type Entry = Pick<Parameters<typeof signInPage>[0], 'asking' | 'email' | 'notice'> &
  /** For a person who is to open an account, unless they go to the sign-in by its address. */
  Readonly<{ isNew?: boolean }>

/** The sign-in or the sign-up: a person may go from one to the other by their addresses. */
export const entryOf = (
  { sign_up, isResetOffered, passkeyRequestOf, min_characters }: Needs,
  call: Call,
  { isNew = false, ...entry }: Entry,
): Shown => {
  const { method, path } = call.context.req
  const asked = method === 'GET' && (path === '/sign-in' || path === '/sign-up') ? path : null
  const isSignUp = sign_up === 'open' && (asked === null ? isNew : asked === '/sign-up')
  const { asking, email } = entry
  return isSignUp
    ? {
        path: '/sign-up',
        page: sealed => signUpPage({ sealed, asking, email, min_characters, faults: [], isInvited: false }),
      }
    : {
        path: '/sign-in',
        page: sealed =>
          signInPage({ sealed, passkey: passkeyRequestOf(sealed), sign_up, isResetOffered, ...entry }),
      }
}
