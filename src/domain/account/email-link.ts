import { createHmac } from 'node:crypto'
import type { Plain } from '../base/digest.ts'
import type { Pepper } from '../base/pepper.ts'

/** What a mailed link is for. Whether a link may still be followed is judged in SQL, by store/schema/link-predicates.ts. */
export const LINK_PURPOSES = ['verify_email', 'reset_password', 'change_email'] as const
export type LinkPurpose = (typeof LINK_PURPOSES)[number]

/** The token of a link. Its holder reads the mail of the address. Only its digest is stored. */
export type LinkToken = Plain<'email_link'>

/** Ours (docs/decisions/0013): seconds for which a link may be followed. */
export const LINK_SECONDS = 1_800
export const LINK_SEED_BYTES = 32
/**
 * A repeated request mails the same link while that link may be followed for at least this many seconds. Judged in SQL, by
 * store/mail/issue-links.ts.
 */
export const LINK_KEPT_SECONDS = LINK_SECONDS / 2

const PREFIX = 'signet_el_'
const TOKEN = /^signet_el_[\w-]{43}$/

/** Ours – A prefix that secret scanners find, then base64url of 256 random bits. */
export const linkTokenOf = (random: Uint8Array): LinkToken =>
  (PREFIX + Buffer.from(random).toString('base64url')) as LinkToken

/**
 * Ours – Derives the token from the stored seed and the pepper, so that a repeated request can mail the same link and does not void the
 * one that a person is about to follow. The label separates these MACs from those of refresh tokens, which have the same key.
 */
export const linkTokenFrom = (seed: Uint8Array, pepper: Pepper): LinkToken =>
  linkTokenOf(createHmac('sha256', pepper.key).update('signet link\0').update(seed).digest())

/** Null for a text that cannot be a token, which costs no look-up. */
export const parseLinkToken = (text: string): LinkToken | null =>
  TOKEN.test(text) ? (text as LinkToken) : null
