/**
 * The library for CommonJS, after tsc: each entry is one line that requires the ES module (every Node that is supported can),
 * so that there is one TokenError in a process however it is loaded. The types are copied into a scope of type commonjs,
 * because a compiler would otherwise refuse to require them.
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const dist = process.argv[2] ?? 'dist'
/** The type declarations of the domain that the library's types import. */
const DOMAIN = new Set([
  'oauth/access-token.d.ts',
  'oauth/dpop-proof.d.ts',
  'revocations/blocklist-key.d.ts',
  'revocations/revocation.d.ts',
])
const ENTRIES = ['verify-node', 'hono-node', 'node', 'redis', 'revocations-node', 'testing']

for (const folder of ['sdk', 'domain']) {
  const copies = join(dist, 'cjs', folder)
  for (const file of readdirSync(join(dist, folder), { recursive: true, encoding: 'utf8' })) {
    if (folder === 'sdk' ? !file.endsWith('.d.ts') : !DOMAIN.has(file)) continue
    mkdirSync(dirname(join(copies, file)), { recursive: true })
    copyFileSync(join(dist, folder, file), join(copies, file))
  }
}
for (const entry of ENTRIES)
  writeFileSync(join(dist, 'cjs/sdk', `${entry}.js`), `module.exports = require('../../sdk/${entry}.js')\n`)
writeFileSync(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n')
