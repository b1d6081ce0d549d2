import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Account } from '../account/account.ts'
import type { Plain } from '../base/digest.ts'
import { type Pepper, type Peppers, pepperById } from '../base/pepper.ts'

/**
 * Proves that its holder has signed in to the account from this device before. The token authenticates no request: it only spares the
 * device the delay that the failures of strangers cause.
 */
export type DeviceToken = Plain<'device_token'>

/**
 * Epochs by which a restore raises each device epoch: more than the lost past can have raised it, so that no device token of that past
 * counts.
 */
export const LOST_DEVICE_EPOCHS = 1_000

const PREFIX = 'signet_dt_'
const VERSION = 2
/** The version of the release before, bound to the account alone. */
const UNBOUND_VERSION = 1
const BODY_BYTES = 18
const TOKEN_BYTES = 50

/**
 * OWASP, "Slow Down Online Guessing Attacks with Device Cookies" – base64url of version (1 byte), pepper id (1), device id (16, random),
 * HMAC-SHA-256 (32) over them, the account and its device epoch. The token counts for one account and needs no storage. A new password
 * voids the tokens of all devices, a thief's included.
 */
export const deviceTokenOf = (
  { id, account }: { id: Uint8Array; account: Owner },
  pepper: Pepper,
): DeviceToken => {
  const token = Buffer.alloc(TOKEN_BYTES)
  token.writeUInt8(VERSION, 0)
  token.writeUInt8(pepper.id, 1)
  token.set(id, 2)
  token.set(macOf(token.subarray(0, BODY_BYTES), ownerOf(account), pepper), BODY_BYTES)
  return (PREFIX + token.toString('base64url')) as DeviceToken
}

/**
 * The id of a device that has signed in to this account before and is still trusted; null otherwise. A token of the version before has
 * no device epoch: it counts only while the account's credential epoch is 0.
 */
export const parseDeviceToken = (text: string, account: Owner, peppers: Peppers): Buffer | null => {
  if (!text.startsWith(PREFIX)) return null
  const token = Buffer.from(text.slice(PREFIX.length), 'base64url')
  if (token.length !== TOKEN_BYTES) return null
  const version = token.readUInt8(0)
  const isUnbound = version === UNBOUND_VERSION && account.credential_epoch === 0
  if (version !== VERSION && !isUnbound) return null
  const pepper = pepperById(peppers, token.readUInt8(1))
  if (pepper === undefined) return null
  const owner = isUnbound ? account.id : ownerOf(account)
  const mac = macOf(token.subarray(0, BODY_BYTES), owner, pepper)
  return timingSafeEqual(mac, token.subarray(BODY_BYTES)) ? token.subarray(2, BODY_BYTES) : null
}

/** The label separates these MACs from those of refresh tokens, which have the same key. */
const macOf = (body: Uint8Array, owner: string, pepper: Pepper): Buffer =>
  createHmac('sha256', pepper.key).update('signet device\0').update(body).update(owner).digest()

type Owner = Pick<Account, 'id' | 'credential_epoch' | 'device_epoch'>

const ownerOf = ({ id, device_epoch }: Owner): string => `${id}\0${device_epoch}`
