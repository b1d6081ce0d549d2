/**
 * Makes the package that a service installs from the build: signetd-verify is the library of this package alone, without a server
 * and without a dependency. `signetd/verify` is here `signetd-verify`, `signetd/hono` is `signetd-verify/hono`, and so on.
 * node scripts/verify-package.mjs [built, default dist] [package, default dist-verify]
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { transformSync } from 'esbuild'

const [dist = 'dist', out = 'dist-verify'] = process.argv.slice(2)
const root = JSON.parse(readFileSync('package.json', 'utf8'))

/** The library's files and every local file that they import, directly or through another file. */
const taken = new Set()
const take = file => {
  if (taken.has(file)) return
  taken.add(file)
  for (const [, specifier] of readFileSync(file, 'utf8').matchAll(
    /(?:from|import|require)\s*\(?'(\.[^']+)'/g,
  )) {
    const imported = resolve(dirname(file), specifier)
    take(file.endsWith('.d.ts') ? imported.replace(/\.[jt]s$/, '.d.ts') : imported)
  }
}
for (const folder of ['sdk', 'cjs/sdk'])
  for (const name of readdirSync(join(dist, folder)))
    if (/\.(?:js|d\.ts)$/.test(name)) take(resolve(dist, folder, name))

/** What comments say of the library is in the types too, where an editor shows it. */
const withoutComments = text =>
  transformSync(text, { loader: 'js', target: 'node20', minifySyntax: true }).code

/** Types that a service meets only inside others. Their comments are for those who build the library, and would be packed twice. */
const INNER_TYPES = /\/(?:dpop-proof|presented|feed-answer|feed-knowledge|engine|elapsed|remote-json)\.d\.ts$/
const packedText = (file, text) => {
  if (file.endsWith('.js')) return withoutComments(text)
  return INNER_TYPES.test(file) ? text.replace(/^ *\/\*\*[^]*?\*\/\n/gm, '') : text
}

/** `./verify` is the package itself. */
const renamed = object =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name === './verify' ? '.' : name, value]))

const { version, license, type, engines, scarfSettings, exports, typesVersions } = root
const paths = Object.entries(typesVersions['*']).filter(([name]) => name !== 'verify')
const manifest = {
  name: 'signetd-verify',
  version,
  description: 'Checks access tokens of Signet, and hears of revocations: for services, without dependencies',
  license,
  type,
  engines,
  main: exports['./verify'].node.require.default,
  types: exports['./verify'].default.replace(/\.js$/, '.d.ts'),
  exports: renamed(exports),
  typesVersions: { '*': Object.fromEntries(paths) },
  sideEffects: false,
  // The types of ./hono need hono, which a service that uses ./hono has anyway.
  peerDependencies: { hono: '4' },
  peerDependenciesMeta: { hono: { optional: true } },
  scarfSettings,
}

rmSync(out, { recursive: true, force: true })
for (const file of taken) {
  const copy = join(out, 'dist', relative(dist, file))
  mkdirSync(dirname(copy), { recursive: true })
  writeFileSync(copy, packedText(file, readFileSync(file, 'utf8')))
}
cpSync(join(dist, 'cjs/package.json'), join(out, 'dist/cjs/package.json'))
cpSync('LICENSE', join(out, 'LICENSE'))
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
writeFileSync(
  join(out, 'README.md'),
  `# signetd-verify

Checks the access tokens of Signet (\`signetd\`) in your service: no shared secret, no call for each
request, no dependencies. With \`followRevocations\` it hears of a sign-out within two seconds.

\`\`\`js
import { createProtect } from 'signetd-verify/hono' // or 'signetd-verify/node': Express, Fastify, node:http

const protect = createProtect({ issuer: 'https://id.example.com', audience: 'https://api.example.com' })
app.get('/orders', protect(), c => c.json({ for: c.var.auth.claims.sub }))
\`\`\`

The guide is docs/verify.md of Signet, docs/revocation.md tells of the follower.
`,
)
