import type { Account } from '../../domain/account/account.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import { type DeviceToken, deviceTokenOf, parseDeviceToken } from '../../domain/sign-in/device-token.ts'
import type { Random } from '../../ports/effects.ts'

const DEVICE_ID_BYTES = 16

/**
 * Ours – A device is known to an account when it holds a device token of a successful sign-in. Address and user agent prove nothing: a
 * stranger can share the one and copy the other.
 */
export const createKnownDevices = ({ random, peppers }: { random: Random; peppers: Peppers }) => ({
  /** The id of a known device; null for an unknown one. */
  recognise: (device_token: string | null, account: Account | null): Uint8Array | null =>
    account === null || device_token === null ? null : parseDeviceToken(device_token, account, peppers),

  /** The token that makes the device known from now on. A known device keeps its id, and with the id its count of failures. */
  remember: (account: Account, known: Uint8Array | null): DeviceToken =>
    deviceTokenOf({ id: known ?? random.bytes(DEVICE_ID_BYTES), account }, peppers[0]),
})

export type KnownDevices = ReturnType<typeof createKnownDevices>
