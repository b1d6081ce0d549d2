import { createHmac, timingSafeEqual } from 'node:crypto'
import { base32Of } from '../base/base32.ts'

/** RFC 4226 §4 – 160 bits, as recommended. */
export const TOTP_SECRET_BYTES = 20
/**
 * Ours: wrong codes in a row after which TOTP is closed for devices of that kind, known or unknown. A guess is right with a chance of 3
 * in a million: 20 of them with 6 in 100,000. Judged in SQL, by store/factors/factor-proofs.ts.
 */
export const TOTP_FAILURES_AT_MOST = 20
/**
 * Ours: tries that a mailed link for a new password gives where TOTP was closed. Who reads the mailbox gets a link again and again.
 * Carried out in SQL, by store/mail/redeem-reset.ts.
 */
export const TOTP_TRIES_OF_A_RESET = 3
/** The account's owner is told at this one, and when TOTP closes. */
export const TOTP_FAILURES_TOLD = 3
const STEP_SECONDS = 30
const DIGITS = 6
/** RFC 6238 §5.2 – One step to either side, for clocks that differ and people who type slowly. */
const STEPS = [-1, 0, 1]

/** RFC 4226 §5.3, RFC 6238 §4 – The code of a time step, SHA-1, which is what every authenticator application speaks. */
export const totpAt = (secret: Uint8Array, step: number): string => {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const truncated = mac.readUInt32BE(mac.readUInt8(mac.length - 1) & 15) & 0x7fffffff
  return String(truncated % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** RFC 6238 §5.2 – The time step whose code this is; null when it is none's. That a step is good for one code is judged in SQL, by store/factors/factor-proofs.ts. */
export const findTotpStep = (text: string, secret: Uint8Array, now: Date): number | null => {
  const code = text.replaceAll(' ', '')
  if (!/^\d{6}$/.test(code)) return null
  const current = Math.floor(now.getTime() / 1000 / STEP_SECONDS)
  // Each is compared, in constant time: which of them it is must not show.
  const matching = STEPS.map(skew => current + skew).filter(step => isSame(code, totpAt(secret, step)))
  return matching.at(-1) ?? null
}

const isSame = (one: string, other: string) => timingSafeEqual(Buffer.from(one), Buffer.from(other))

/** Google Authenticator, "Key Uri Format" – What the QR code holds. */
export const totpUri = (secret: Uint8Array, label: { issuer: string; email: string }): string => {
  const name = `${encodeURIComponent(label.issuer)}:${encodeURIComponent(label.email)}`
  const issuer = encodeURIComponent(label.issuer)
  return `otpauth://totp/${name}?secret=${base32Of(secret)}&issuer=${issuer}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_SECONDS}`
}
