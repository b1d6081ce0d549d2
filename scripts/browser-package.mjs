/**
 * Makes the package that a web application installs: signetd-browser is compiled from src/sdk/browser.ts and src/sdk/react.ts, and has no
 * dependency.
 * node scripts/browser-package.mjs [package, default dist-browser]
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const OUT = 'dist-browser'
/** The examples import the package by its name, as an application that has installed it. */
const PACKAGE_OF_EXAMPLES = 'examples/node_modules/signetd-browser'

const [out = OUT] = process.argv.slice(2)
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
// The package has no other page of docs, so that a link to one would lead nowhere: its text stays.
const guide = readFileSync('docs/browser.md', 'utf8').replaceAll(/\[([^\]]+)\]\((?!https?:|#)[^)]+\)/g, '$1')
writeFileSync(join(out, 'README.md'), guide)

if (out === OUT && !existsSync(PACKAGE_OF_EXAMPLES)) {
  mkdirSync(dirname(PACKAGE_OF_EXAMPLES), { recursive: true })
  symlinkSync(`../../${OUT}`, PACKAGE_OF_EXAMPLES, 'dir')
}
