import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Plain } from './digest.ts'
import { type Pepper, type Peppers, pepperById } from './refresh-token.ts'

/** Held by whoever has signed in to an account from there before. It opens nothing: it only spares them a stranger's delay. */
export type DeviceToken = Plain<'device_token'>

const PREFIX = 'signet_dt_'
const VERSION = 1
const BODY_BYTES = 18
const TOKEN_BYTES = 50

/**
 * OWASP, "Slow Down Online Guessing Attacks with Device Cookies" – base64url of version (1 byte), pepper id (1), device id (16,
 * random), HMAC-SHA-256 (32) over them and the account: it says nothing for another account, and nothing has to be stored.
 */
export const deviceTokenOf = (
  device: { id: Uint8Array; account_id: string },
  pepper: Pepper,
): DeviceToken => {
  const token = Buffer.alloc(TOKEN_BYTES)
  token.writeUInt8(VERSION, 0)
  token.writeUInt8(pepper.id, 1)
  token.set(device.id, 2)
  token.set(macOf(token.subarray(0, BODY_BYTES), device.account_id, pepper), BODY_BYTES)
  return (PREFIX + token.toString('base64url')) as DeviceToken
}

/** The id of the device, when it has signed in to this account before; null otherwise. */
export const parseDeviceToken = (text: string, account_id: string, peppers: Peppers): Buffer | null => {
  if (!text.startsWith(PREFIX)) return null
  const token = Buffer.from(text.slice(PREFIX.length), 'base64url')
  if (token.length !== TOKEN_BYTES || token.readUInt8(0) !== VERSION) return null
  const pepper = pepperById(peppers, token.readUInt8(1))
  if (pepper === undefined) return null
  const mac = macOf(token.subarray(0, BODY_BYTES), account_id, pepper)
  return timingSafeEqual(mac, token.subarray(BODY_BYTES)) ? token.subarray(2, BODY_BYTES) : null
}

/** The label keeps what is signed here apart from refresh tokens, whose key is the same. */
const macOf = (body: Uint8Array, account_id: string, pepper: Pepper): Buffer =>
  createHmac('sha256', pepper.key).update('signet device\0').update(body).update(account_id).digest()
