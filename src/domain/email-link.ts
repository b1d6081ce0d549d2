import type { Plain } from './digest.ts'

/** What a mailed link stands for. */
export const LINK_PURPOSES = ['verify_email', 'reset_password', 'change_email'] as const
export type LinkPurpose = (typeof LINK_PURPOSES)[number]

/** What a link carries. Whoever holds it reads what is sent to the address. Its digest alone is stored. */
export type LinkToken = Plain<'email_link'>

/** Contract: how long a link may be followed. */
export const LINK_SECONDS = 1_800
export const LINK_TOKEN_BYTES = 32

const PREFIX = 'signet_el_'
const TOKEN = /^signet_el_[\w-]{43}$/

/** Ours – A prefix that secret scanners find, then base64url of 256 random bits. */
export const linkTokenOf = (random: Uint8Array): LinkToken =>
  (PREFIX + Buffer.from(random).toString('base64url')) as LinkToken

/** Null for what was never one: it costs no look-up. */
export const parseLinkToken = (text: string): LinkToken | null =>
  TOKEN.test(text) ? (text as LinkToken) : null
