import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Pepper, type Peppers, pepperById } from '../domain/base/pepper.ts'

/** Seconds for which one nonce is handed out: a client that remembers the last one seldom has to be told of the next. */
const STEP_SECONDS = 60

/** Steps for which a nonce is taken after its own. */
const STEPS_TAKEN = 4

const MAC_BYTES = 16

export type ProofNonces = Readonly<{
  /** The nonce to hand out. */
  current: (now: Date) => string
  isRecent: (nonce: string, now: Date) => boolean
}>

/**
 * RFC 9449 §8 – Nonces for proofs: the number of a minute with its MAC, so that every instance knows them and nothing is stored. Ours: a
 * nonce is good for five minutes, and for many proofs. It shows that a proof was not made long in advance; that a proof is shown once is
 * what the `jti` is for. The nonce of the next minute is taken too, because the clocks of two instances differ.
 */
export const createProofNonces = (peppers: Peppers): ProofNonces => ({
  current: now => nonceOf(stepAt(now), peppers[0]),
  isRecent: (nonce, now) => {
    const [, pepper_id = '', digits = ''] = /^(\d{1,3})-(\d{1,12})-[\w-]{22}$/.exec(nonce) ?? []
    const pepper = pepperById(peppers, Number(pepper_id))
    if (digits === '' || pepper === undefined) return false
    const age = stepAt(now) - Number(digits)
    return age >= -1 && age <= STEPS_TAKEN && isSame(nonce, nonceOf(Number(digits), pepper))
  },
})

const stepAt = (now: Date): number => Math.floor(now.getTime() / 1000 / STEP_SECONDS)

const nonceOf = (step: number, { id, key }: Pepper): string => {
  const mac = createHmac('sha256', key).update(`dpop nonce ${step}`).digest().subarray(0, MAC_BYTES)
  return `${id}-${step}-${mac.toString('base64url')}`
}

const isSame = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
