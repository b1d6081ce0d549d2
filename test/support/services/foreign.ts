import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A Python that has PyJWT, which may not be the first Python in PATH. */
export const findPython = async (): Promise<string | null> => {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      await run(python, ['-c', 'import jwt, cryptography'])
      return python
    } catch {
      // Not this one.
    }
  }
  return null
}

/** Looks where Debian installs them. */
export const hasApache = (): boolean =>
  ['/usr/sbin/apache2', '/usr/lib/apache2/modules/mod_oauth2.so'].every(file => existsSync(file))
