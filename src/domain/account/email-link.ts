import { createHmac } from 'node:crypto'
import type { Plain } from '../base/digest.ts'
import type { Pepper } from '../base/pepper.ts'

/** What a mailed link stands for. Whether it may be followed is judged in SQL, by store/schema/link-predicates.ts. */
export const LINK_PURPOSES = ['verify_email', 'reset_password', 'change_email'] as const
export type LinkPurpose = (typeof LINK_PURPOSES)[number]

/** What a link carries. Whoever holds it reads what is sent to the address. Its digest alone is stored. */
export type LinkToken = Plain<'email_link'>

/** Ours (docs/decisions/0013): how long a link may be followed. */
export const LINK_SECONDS = 1_800
export const LINK_SEED_BYTES = 32
/**
 * A link that is asked for again is the same one for as long as it may still be followed for so many seconds. Judged in SQL, by
 * store/mail/issue-links.ts.
 */
export const LINK_KEPT_SECONDS = LINK_SECONDS / 2

const PREFIX = 'signet_el_'
const TOKEN = /^signet_el_[\w-]{43}$/

/** Ours – A prefix that secret scanners find, then base64url of 256 random bits. */
export const linkTokenOf = (random: Uint8Array): LinkToken =>
  (PREFIX + Buffer.from(random).toString('base64url')) as LinkToken

/**
 * Ours – A token that can be made again, with the pepper, from the seed that is stored: a request for a link must not void the one that
 * a person is about to follow. The label keeps what is signed here apart from refresh tokens, whose key is the same.
 */
export const linkTokenFrom = (seed: Uint8Array, pepper: Pepper): LinkToken =>
  linkTokenOf(createHmac('sha256', pepper.key).update('signet link\0').update(seed).digest())

/** Null for what was never one: it costs no look-up. */
export const parseLinkToken = (text: string): LinkToken | null =>
  TOKEN.test(text) ? (text as LinkToken) : null
