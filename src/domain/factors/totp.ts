import { createHmac, timingSafeEqual } from 'node:crypto'
import { base32Of } from './base32.ts'

/** RFC 4226 §4 – The recommended 160 bits. */
export const TOTP_SECRET_BYTES = 20
/**
 * Ours: wrong codes in a row after which TOTP is closed for devices of that kind, known or unknown. One guess is right with a probability
 * of 3 in a million, one of 20 guesses with 6 in 100,000. Judged in SQL, by store/factors/factor-proofs.ts.
 */
export const TOTP_FAILURES_AT_MOST = 20
/**
 * Ours: tries that a password reset grants where TOTP was closed. Few, because a reader of the mailbox can reset again and again. Carried
 * out in SQL, by store/mail/redeem-reset.ts.
 */
export const TOTP_TRIES_OF_A_RESET = 3
/** Failures in a row at which the account's owner gets a notice; the next one is sent when TOTP closes. */
export const TOTP_FAILURES_TOLD = 3
const STEP_SECONDS = 30
const DIGITS = 6
/** RFC 6238 §5.2 – The window: one step to either side, for clocks that differ and people who type slowly. */
const STEPS = [-1, 0, 1]

/** RFC 4226 §5.3, RFC 6238 §4 – The code of a time step, with SHA-1, which every authenticator application supports. */
export const totpAt = (secret: Uint8Array, step: number): string => {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const truncated = mac.readUInt32BE(mac.readUInt8(mac.length - 1) & 15) & 0x7fffffff
  return String(truncated % 10 ** DIGITS).padStart(DIGITS, '0')
}

/**
 * RFC 6238 §5.2 – The time step of this code, within the window; null for a wrong code. That each step accepts one code is judged in SQL,
 * by store/factors/factor-proofs.ts.
 */
export const findTotpStep = (text: string, secret: Uint8Array, now: Date): number | null => {
  const code = text.replaceAll(' ', '')
  if (!/^\d{6}$/.test(code)) return null
  const current = Math.floor(now.getTime() / 1000 / STEP_SECONDS)
  // Every step is compared, in constant time, so that timing does not tell which one matched.
  const matching = STEPS.map(skew => current + skew).filter(step => isSame(code, totpAt(secret, step)))
  return matching.at(-1) ?? null
}

const isSame = (one: string, other: string) => timingSafeEqual(Buffer.from(one), Buffer.from(other))

/** Google Authenticator, "Key Uri Format" – The content of the QR code. */
export const totpUri = (secret: Uint8Array, label: { issuer: string; email: string }): string => {
  const name = `${encodeURIComponent(label.issuer)}:${encodeURIComponent(label.email)}`
  const issuer = encodeURIComponent(label.issuer)
  return `otpauth://totp/${name}?secret=${base32Of(secret)}&issuer=${issuer}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_SECONDS}`
}
