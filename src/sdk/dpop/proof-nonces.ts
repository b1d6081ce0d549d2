import { bytesOf } from '../verify/jws.ts'
import { encode } from './encode.ts'

/** Seconds for which one nonce is handed out. */
const STEP_SECONDS = 60
/** Steps for which a nonce is taken after its own. */
const STEPS_TAKEN = 4

export type ServiceNonces = Readonly<{
  current: (now_seconds: number) => Promise<string>
  isRecent: (nonce: string, now_seconds: number) => Promise<boolean>
}>

/** RFC 9449 §9 – Nonces of a service: the number of a minute with its MAC, which every instance with the same secret knows. */
export const createServiceNonces = (secret: string): ServiceNonces => {
  const parameters = { name: 'HMAC', hash: 'SHA-256' } as const
  const bytes = new TextEncoder().encode(secret)
  const importing = () => crypto.subtle.importKey('raw', bytes, parameters, false, ['sign', 'verify'])
  let imported: ReturnType<typeof importing> | undefined
  const key = () => (imported ??= importing())
  const inputOf = (step: number) => new TextEncoder().encode(`dpop nonce ${step}`)
  return {
    current: async now => {
      const step = Math.floor(now / STEP_SECONDS)
      const mac = await crypto.subtle.sign('HMAC', await key(), inputOf(step))
      return `${step}-${encode(new Uint8Array(mac))}`
    },
    isRecent: async (nonce, now) => {
      const [, digits, mac] = /^(\d{1,12})-([\w-]{43})$/.exec(nonce) ?? []
      if (digits === undefined || mac === undefined) return false
      const age = Math.floor(now / STEP_SECONDS) - Number(digits)
      if (age < -1 || age > STEPS_TAKEN) return false
      return crypto.subtle.verify('HMAC', await key(), bytesOf(mac), inputOf(Number(digits)))
    },
  }
}
