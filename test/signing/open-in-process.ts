/** A process of its own that opens KEYS_DIR as a replica does, prints the kids that it publishes and ends. */

import { openKeys } from '../../src/signing/open-keys.ts'
import { rotateWhenDue } from '../../src/signing/rotation.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const [, , directory = '', every_seconds = '0'] = process.argv
const place = { directory, clock: () => new Date() }
const keys = await openKeys({ ...place, log: quiet })
if ('faults' in keys) throw new Error(keys.faults.join('\n'))
if (every_seconds !== '0') await rotateWhenDue(place, { every_seconds: Number(every_seconds) })
await keys.reload()
process.stdout.write(
  keys
    .published()
    .map(jwk => jwk.kid)
    .join(' '),
)
await keys.close()
