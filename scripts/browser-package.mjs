/**
 * Makes the package that a web application installs: signetd-browser is compiled from src/sdk/browser.ts and src/sdk/react.ts, and has no
 * dependency.
 * node scripts/browser-package.mjs [package, default dist-browser]
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [out = 'dist-browser'] = process.argv.slice(2)
const { resolve } = createRequire(import.meta.url)
const { version, license } = JSON.parse(readFileSync('package.json', 'utf8'))

rmSync(out, { recursive: true, force: true })
const tsc = join(dirname(resolve('typescript/package.json')), 'bin/tsc')
const emit = ['--noEmit', 'false', '--declaration', '--rootDir', 'src/sdk', '--outDir', join(out, 'dist')]
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.browser.json', ...emit], { stdio: 'inherit' })

const entryOf = name => ({ types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` })
const manifest = {
  name: 'signetd-browser',
  version,
  description: 'Signs people in to a web application with Signet, in the browser: without dependencies',
  license,
  type: 'module',
  types: './dist/browser.d.ts',
  exports: { '.': entryOf('browser'), './react': entryOf('react'), './package.json': './package.json' },
  sideEffects: false,
  peerDependencies: { react: '>=18' },
  peerDependenciesMeta: { react: { optional: true } },
}
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
cpSync('LICENSE', join(out, 'LICENSE'))
cpSync('docs/browser.md', join(out, 'README.md'))
