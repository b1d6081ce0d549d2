import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { findOnPath } from './services.ts'

const run = promisify(execFile)

/** A Python that has these modules; it may not be the first Python in PATH. */
export const findPython = async (...modules: readonly string[]): Promise<string | null> => {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      await run(python, ['-c', `import ${modules.join(', ')}`])
      return python
    } catch {
      // Not this one.
    }
  }
  return null
}

/** Whether Debian's Apache is there, with a module. */
export const hasApache = (module: string): boolean =>
  ['/usr/sbin/apache2', `/usr/lib/apache2/modules/${module}.so`].every(file => existsSync(file))

export const hasNginx = (): boolean =>
  ['/usr/sbin/nginx', '/usr/lib/nginx/modules/ngx_http_js_module.so'].every(file => existsSync(file))

/** The proxies that docs/deploy.md configures. The directories of Debian are not in every user's PATH. */
export const findProxy = (name: 'haproxy' | 'nginx' | 'caddy'): string | null =>
  [`/usr/sbin/${name}`].find(file => existsSync(file)) ?? findOnPath(name)

/** Debian's Chromium, or the one that CHROMIUM names. */
export const findChromium = (): string | null =>
  [process.env['CHROMIUM'] ?? '/usr/bin/chromium'].find(file => existsSync(file)) ?? null
