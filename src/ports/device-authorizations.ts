import type {
  DeviceApproval,
  DeviceOutcome,
  DeviceRedemption,
  NewDeviceAuthorization,
  UndecidedDevice,
  UserCode,
} from '../domain/authorization/device-code.ts'
import type { Digest } from '../domain/base/digest.ts'

/** RFC 8628. A comment states atomicity and failure. All reject with Unavailable. */
export type DeviceAuthorizations = {
  /** Atomic. False, and nothing is written, where another row has the user code. */
  add(request: NewDeviceAuthorization): Promise<boolean>
  /** What a person may decide on; null when the code is unknown, decided on or expired. */
  findUndecided(user_code: UserCode): Promise<UndecidedDevice | null>
  /** Atomic. False, and nothing is written, unless it is undecided and unexpired, the session and its account live, and the consent has the version. */
  allow(approval: DeviceApproval): Promise<boolean>
  /** Atomic. False unless it is undecided and unexpired. */
  deny(digest: Digest<'device_code'>): Promise<boolean>
  /** What may be redeemed by the client; null when it is not allowed, spent or expired. */
  findAllowed(
    code: Readonly<{ digest: Digest<'device_code'>; client_id: string }>,
  ): Promise<Readonly<{ user_id: string; scope: string; audience: readonly string[] }> | null>
  /**
   * Atomic: judges the code on its locked row, with the account and the consent held, and does what the verdict says in one statement: spends
   * it and opens its family, or notes the poll.
   */
  redeem(redemption: DeviceRedemption): Promise<DeviceOutcome>
}
