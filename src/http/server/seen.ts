import type { Cookie } from './cookies.ts'
import { languageFor } from './language.ts'
import { requestSourceOf } from './request-source.ts'
import type { Call } from './route.ts'

/** Where there are no cookies, the application keeps the device's token and sends it back at the next sign-in. */
export const DEVICE_HEADER = 'Signet-Device'

/** Half a year: a device without a sign-in for longer is no longer a known device. */
export const DEVICE_SECONDS = 15_552_000

/** What a sign-in learns of the request that makes it. */
export const seenOf = (call: Call, deviceCookie: Cookie) => ({
  device_token: deviceCookie.read(call) ?? call.header(DEVICE_HEADER) ?? null,
  source: requestSourceOf(call),
  language: languageFor(call),
})
