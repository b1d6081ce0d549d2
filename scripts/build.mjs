/**
 * Builds the package: what tsc makes of src, the types of the library, the library for CommonJS, and the files of the reference page at
 * /docs.
 * node scripts/build.mjs [directory, default dist]
 *
 * The build is written to a new directory, which then replaces the old one: a failed build leaves the last build as it was, a server
 * that starts meanwhile finds a complete build, and no file of an earlier build is packed. A running server is not disturbed: the only
 * file that it loads later is the module of the password threads, at a path that every build has (test/process/build.test.ts).
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const dist = process.argv[2] ?? 'dist'

/** The files of Swagger UI that /docs serves, its licence, and its name and version for vulnerability scanners of the image. */
const REFERENCE = 'http/public/swagger-ui'
const REFERENCE_FILES = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'swagger-ui-bundle.js.LICENSE.txt',
  'LICENSE',
  'NOTICE',
  'package.json',
]

/** The examples import the library by the name under which a service installs it. In the checkout that name is this package. */
const LIBRARY_OF_EXAMPLES = 'examples/node_modules/signetd-verify'

const { resolve } = createRequire(import.meta.url)
const run = (...command) => execFileSync(process.execPath, command, { stdio: 'inherit' })

const compile = (project, to) =>
  run(join(dirname(resolve('typescript/package.json')), 'bin/tsc'), '-p', project, '--outDir', to)

const build = to => {
  compile('tsconfig.build.json', to)
  compile('tsconfig.types.json', to)
  run('scripts/commonjs.mjs', to)
  mkdirSync(join(to, REFERENCE))
  for (const name of REFERENCE_FILES)
    copyFileSync(resolve(`swagger-ui-dist/${name}`), join(to, REFERENCE, name))
  // npm makes this file executable in an installed package only, but `npx signetd` runs it in the checkout, too.
  chmodSync(join(to, 'cli/signetd.js'), 0o755)
}

const linkLibrary = () => {
  // A build of the image has no examples.
  if (!existsSync('examples') || existsSync(LIBRARY_OF_EXAMPLES)) return
  mkdirSync(dirname(LIBRARY_OF_EXAMPLES), { recursive: true })
  symlinkSync('../..', LIBRARY_OF_EXAMPLES, 'dir')
}

mkdirSync(dirname(dist), { recursive: true })
const work = mkdtempSync(`${dist}.new-`)
try {
  build(join(work, 'new'))
  if (existsSync(dist)) renameSync(dist, join(work, 'old'))
  renameSync(join(work, 'new'), dist)
  linkLibrary()
} catch (error) {
  // The compiler has printed the errors.
  if (error.status === undefined) throw error
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
