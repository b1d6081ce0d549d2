import type { LinkToken } from './email-link.ts'

/** Which people may open an account: all, those who were invited, or none. */
export const SIGN_UP_MODES = ['open', 'invited', 'closed'] as const
export type SignUpMode = (typeof SIGN_UP_MODES)[number]

/** True where a person may open an account, by an invitation or without one. */
export const admitsSignUp = (mode: SignUpMode, { isInvited }: Readonly<{ isInvited: boolean }>): boolean =>
  mode === 'open' || (mode === 'invited' && isInvited)

type Places = Readonly<{
  issuer: string
  /** A page of the applications to which mailed links lead; null: the sign-up page of this server. */
  link_page: string | null
}>

/** Ours – Where an invitation leads. An application's page gets the token in the fragment, which reaches no server and no log. */
export const invitationLink = ({ issuer, link_page }: Places, token: LinkToken): string =>
  link_page === null
    ? `${issuer}/sign-up?invitation=${token}`
    : `${link_page}#purpose=invitation&token=${token}`
