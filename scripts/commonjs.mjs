/**
 * The library for CommonJS, after tsc: each entry is one line that requires the ES module (every Node that is supported can),
 * so that there is one TokenError in a process however it is loaded. The types are copied into a scope of type commonjs,
 * because a compiler would otherwise refuse to require them.
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const dist = process.argv[2] ?? 'dist'
const ENTRIES = ['verify-node', 'hono-node', 'node', 'redis', 'revocations-node', 'testing']

// tsconfig.types.json emits the types of the library alone.
for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.d.ts')) continue
  const copy = join(dist, 'cjs', file)
  mkdirSync(dirname(copy), { recursive: true })
  copyFileSync(join(dist, file), copy)
}
for (const entry of ENTRIES)
  writeFileSync(join(dist, 'cjs/sdk', `${entry}.js`), `module.exports = require('../../sdk/${entry}.js')\n`)
writeFileSync(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n')
