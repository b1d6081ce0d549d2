import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ALONE } from './support/repository/alone.ts'
import { readDocuments } from './support/repository/documents.ts'
import { readSources, type SourceFile } from './support/repository/source.ts'

/** The rules of the house that a machine can check. A rule is a list of those who break it. */

const src = readSources('src')
const tests = readSources('test')
const everything = [...src, ...tests, ...readSources('bench')]

/** Paths in comments: from the top level, or from src. `store/families` is one, `and/or` is none. */
const citationsOf = (text: string): readonly string[] => {
  const comments = text.match(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*$/gm) ?? []
  const roots = ['src', 'test', 'bench', 'drizzle', ...Object.keys(FLOORS)].join('|')
  const path = new RegExp(
    String.raw`(?<![\w/.-])(?:${roots})/[\w/-]+(?:\.(?:ts|mjs|md|sql))?(?![\w/]|\.\w)`,
    'g',
  )
  return comments.flatMap(comment => comment.match(path) ?? [])
}

const existsInTree = (path: string): boolean => existsSync(path) || existsSync(`src/${path}`)

const breakers = (files: readonly SourceFile[], breaks: (file: SourceFile) => unknown) =>
  files.filter(breaks).map(file => file.path)

const exportedTwice = (files: readonly SourceFile[]) => {
  const names = files.flatMap(({ path, exports }) => exports.map(name => ({ name, path })))
  return names.filter(({ name, path }) => names.some(other => other.name === name && other.path !== path))
}

/** What each part of src may import beside itself. Nothing calls up, and adapters do not know each other. */
const CORE = ['domain', 'ports']
const ADAPTERS = ['store', 'ephemeral', 'signing', 'platform']
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ports: ['domain'],
  files: [],
  store: [...CORE, 'files'],
  ephemeral: CORE,
  signing: [...CORE, 'files'],
  platform: CORE,
  settings: CORE,
  config: [...CORE, 'settings'],
  grants: CORE,
  flows: [...CORE, 'grants'],
  http: [...CORE, 'grants', 'flows'],
  compose: [...CORE, ...ADAPTERS, 'config', 'grants', 'flows', 'http'],
  main: [...CORE, ...ADAPTERS, 'config', 'http', 'compose'],
  cli: [...CORE, ...ADAPTERS, 'settings', 'config', 'flows', 'http', 'compose', 'main'],
  sdk: ['domain'],
}

/**
 * The folders of a floor, from the lowest: each may import those before it. What lies beside them on the floor is above them all.
 */
const INNER_FLOORS: Readonly<Record<string, readonly string[]>> = {
  domain: [
    'base',
    'events',
    'refusals',
    'outbound',
    'oauth',
    'account',
    'sign-in',
    'factors',
    'clients',
    'authorization',
    'exchange',
    'upstream',
    'revocations',
    'keys',
    'moving',
  ],
  grants: ['verification'],
  flows: [
    'events',
    'clients',
    'access',
    'factors',
    'account',
    'sign-in',
    'mail',
    'upstream',
    'revocations',
    'oauth',
    'outbound',
    'admin',
  ],
  store: [
    'timelines',
    'postgres',
    'partitions',
    'schema',
    'migrations',
    'embedded',
    'events',
    'families',
    'accounts',
    'factors',
    'identities',
    'mail',
    'revocations',
    'clients',
    'codes',
    'sessions',
    'consents',
    'deliveries',
    'admin',
  ],
  platform: ['config-files', 'outbound', 'traces'],
  http: [
    'layout',
    'pages',
    'server',
    'hosted',
    'account-pages',
    'demo',
    'public',
    'oauth',
    'accounts',
    'security-pages',
    'admin',
    'console-pages',
    'console',
    'internal',
  ],
  compose: ['findings'],
  cli: ['terminal', 'accounts', 'clients', 'doctor', 'admin'],
  sdk: ['verify', 'dpop', 'feed', 'guards', 'browser'],
}

const FILES_IN_A_FOLDER = 20
const LINES_OF_A_FUNCTION = 70

/** What each runtime's entry of the library exports under one name. */
const ENTRIES_OF_THE_LIBRARY = /^src\/sdk\/[\w-]+\.ts$/

/** The packages that belong to one part. */
const HOMES: Readonly<Record<string, string>> = {
  postgres: 'store',
  'drizzle-orm': 'store',
  '@electric-sql/pglite': 'store',
  '@electric-sql/pglite-socket': 'store',
  ioredis: 'ephemeral',
  bcryptjs: 'platform',
  'hash-wasm': 'platform',
  'prom-client': 'platform',
  '@simplewebauthn/server': 'platform',
  nodemailer: 'platform',
  '@opentelemetry/api': 'platform',
  '@opentelemetry/exporter-trace-otlp-http': 'platform',
  '@opentelemetry/resources': 'platform',
  '@opentelemetry/sdk-trace': 'platform',
  commander: 'cli',
}

const partOf = (path: string) => path.split('/')[1]?.replace(/\.ts$/, '') ?? ''
/** The folder on its floor; null beside the folders. */
const folderOf = (path: string) => path.split('/').slice(2, -1)[0] ?? null
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/** What is left when the files that import none of the others are taken away, and so on: the files of circles, and those above them. */
const circular = (files: readonly SourceFile[]): readonly SourceFile[] => {
  const paths = new Set(files.map(({ path }) => path))
  const left = files.filter(({ imports }) => imports.some(name => paths.has(name)))
  return left.length === files.length ? left : circular(left)
}

describe('the import floors', () => {
  it('has a floor for every part', () => {
    expect(breakers(src, file => !(partOf(file.path) in FLOORS))).toEqual([])
  })

  it.each(Object.entries(FLOORS))('%s imports nothing above itself', (part, allowed) => {
    const wrong = src
      .filter(file => partOf(file.path) === part)
      .flatMap(file =>
        file.imports.filter(name => name.startsWith('src/')).map(name => [file.path, name] as const),
      )
      .filter(([, name]) => partOf(name) !== part && !allowed.includes(partOf(name)))
    expect(wrong).toEqual([])
  })

  it('has no circle: a part comes after those that it may import', () => {
    const order = Object.keys(FLOORS)
    const wrong = Object.entries(FLOORS).filter(([part, allowed]) =>
      allowed.some(name => order.indexOf(name) >= order.indexOf(part)),
    )
    expect(wrong).toEqual([])
  })

  it('has no circle of files', () => {
    expect(circular(src).map(({ path }) => path)).toEqual([])
  })

  it('has an inner floor for every folder', () => {
    const folders = new Set(src.map(({ path }) => path.split('/').slice(1, -1).join('/')))
    const known = Object.entries(INNER_FLOORS).flatMap(([floor, inner]) =>
      inner.map(name => `${floor}/${name}`),
    )
    const inner = [...folders].filter(folder => folder.includes('/'))
    expect(inner.toSorted()).toEqual(known.toSorted())
  })

  it.each(Object.entries(INNER_FLOORS))(
    'the folders of %s import nothing above themselves',
    (floor, order) => {
      const rankOf = (path: string) => {
        const folder = folderOf(path)
        return folder === null ? order.length : order.indexOf(folder)
      }
      const wrong = src
        .filter(({ path }) => partOf(path) === floor)
        .flatMap(({ path, imports }) => imports.map(name => [path, name] as const))
        .filter(([path, name]) => partOf(name) === floor && rankOf(name) > rankOf(path))
      expect(wrong).toEqual([])
    },
  )

  it.each(Object.entries(HOMES))('%s is used in %s alone', (name, part) => {
    expect(
      breakers(src, file => partOf(file.path) !== part && file.imports.map(packageOf).includes(name)),
    ).toEqual([])
  })

  it('enters store/postgres by its face alone', () => {
    const inside = 'src/store/postgres/'
    const wrong = src
      .filter(({ path }) => !path.startsWith(inside))
      .flatMap(({ path, imports }) => imports.map(name => [path, name] as const))
      .filter(([, name]) => name.startsWith(inside) && name !== `${inside}index.ts`)
    expect(wrong).toEqual([])
  })

  it('keeps the domain pure: nothing of Node but node:crypto', () => {
    const domain = src.filter(file => partOf(file.path) === 'domain')
    expect(breakers(domain, file => file.imports.some(name => /^node:(?!crypto$)/.test(name)))).toEqual([])
  })

  it('keeps the SDK an island: jose, Hono and React for its guards, and what is Node’s own', () => {
    const sdk = src.filter(file => partOf(file.path) === 'sdk')
    const foreign = (name: string) => !/^(?:src\/|node:|jose$|react$|hono(?:\/|$))/.test(name)
    expect(breakers(sdk, file => file.imports.some(foreign))).toEqual([])
  })

  it('lets only main.ts, the command line, workers and the look at our own uid touch the process', () => {
    const others = src.filter(file => !/^src\/(?:main\.ts|cli\/|files\/this-user\.ts)|\.mjs$/.test(file.path))
    expect(breakers(others, file => /\bprocess[.?[]|node:process/.test(file.code))).toEqual([])
  })
})

describe('every file', () => {
  it('of src is 250 lines at most', () => {
    expect(breakers(src, file => file.text.split('\n').length > 251)).toEqual([])
  })

  it(`of src and test lies with ${FILES_IN_A_FOLDER - 1} others in its folder at most`, () => {
    const counts = new Map<string, number>()
    for (const { path } of [...src, ...tests]) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
    expect([...counts].filter(([, count]) => count > FILES_IN_A_FOLDER)).toEqual([])
  })

  it(`of src has functions of ${LINES_OF_A_FUNCTION} lines at most, and one SQL statement`, () => {
    const long = src.flatMap(({ path, functions }) =>
      functions.filter(({ lines }) => lines > LINES_OF_A_FUNCTION).map(({ name }) => `${path} ${name}`),
    )
    expect(long).toEqual([])
  })

  it('of src exports names that no other one exports', () => {
    expect(exportedTwice(src.filter(({ path }) => !ENTRIES_OF_THE_LIBRARY.test(path)))).toEqual([])
  })

  it('of test exports names that no other one exports', () => {
    // vitest calls the set-up of a whole run by this name.
    expect(exportedTwice(tests).filter(({ name }) => name !== 'setup')).toEqual([])
  })

  it('of src cites only files that are there', () => {
    const cited = src.flatMap(({ path, text }) =>
      citationsOf(text).map(citation => ({ path, citation, exists: existsInTree(citation) })),
    )
    expect(cited.filter(({ exists }) => !exists)).toEqual([])
    expect(cited.filter(({ citation }) => citation.startsWith('store/')).length).toBeGreaterThan(15)
  })

  it('of a page catches nothing: an ordinary outcome is returned, and one place answers the rest', () => {
    const pages = src.filter(({ path }) => /^src\/http\/(?:hosted|pages)\//.test(path))
    expect(breakers(pages, file => /\bcatch\b/.test(file.code))).toEqual([])
  })

  it('leaves no type open: no any', () => {
    expect(breakers(everything, file => /(?:[:<|&,]\s*|\bas\s+)any\b/.test(file.code))).toEqual([])
  })

  it('asserts nothing away: no non-null assertion', () => {
    expect(breakers(everything, file => /[\w)\]][!](?![=\w])/.test(file.code))).toEqual([])
  })

  it('collects no promises to await them later: one that rejects meanwhile ends the process', () => {
    expect(breakers(src, file => /:\s*Promise<[^=;]*>\[\]\s*=\s*\[\]/.test(file.code))).toEqual([])
  })

  it('of src loads no other one after the start: a build may have replaced it by then', () => {
    const later = src.filter(file => !/^src\/cli\/(?:signetd|start)\.ts$/.test(file.path))
    expect(breakers(later, file => /\bimport\(\s*['"`]\./.test(file.code))).toEqual([])
  })

  it('of src asks the servers of others through the guard alone', () => {
    const own = /^src\/(?:sdk|cli)\/|^src\/platform\/outbound\//
    const asks = /\bglobalThis\.fetch\b|(?<![.\w])fetch\(|\bsendRequest\b|\bundici\b|from 'node:https'/
    expect(breakers(src, file => !own.test(file.path) && asks.test(file.code))).toEqual([])
    expect(breakers(src, file => own.test(file.path) && asks.test(file.code))).toContain(
      'src/platform/outbound/outbound.ts',
    )
  })

  it("of src asks of a FileHandle nothing that the file system of Yarn Plug'n'Play lacks", () => {
    expect(breakers(src, file => /\.(?:sync|datasync|utimes|readv|readLines)\(/.test(file.code))).toEqual([])
  })

  it('is finished', () => {
    expect(breakers(everything, file => /\b(?:TO[D]O|FIX[M]E|XX[X])\b/.test(file.text))).toEqual([])
  })

  it('switches no test off, and singles none out', () => {
    expect(
      breakers(everything, file => /\b(?:it|test|describe)\.(?:skip|only|todo)\b/.test(file.code)),
    ).toEqual([])
  })

  it('obeys the linter without exceptions', () => {
    expect(
      breakers(everything, file =>
        /(?:oxlint|eslint)-disabl[e]|@ts-(?:ignor[e]|expect-erro[r])/.test(file.text),
      ),
    ).toEqual([])
  })
})

/** Modules that keep something for all their importers: caches, the measures of the process, and counters of names, keys and requests. */
const KEEPING = [
  'src/platform/metrics.ts',
  'src/platform/origin-context.ts',
  'src/platform/passwords.ts',
  'test/support/ask.ts',
  'test/support/backends.ts',
  'test/support/services/signing-keys.ts',
]

describe('a file of tests', () => {
  const changes =
    /\bvi\.(?:mock|doMock|spyOn|stub\w+|useFakeTimers|setSystemTime|resetModules)\b|\bprocess\.(?:chdir|umask)\b|\bprocess\.env[^;\n]*[^=!<>]=[^=>]|\bdelete process\b/
  const measures = /\bprocess\.(?:memoryUsage|cpuUsage|resourceUsage)\b/

  it('has a process of its own where it changes or measures the process', () => {
    const files = tests.filter(({ path }) => path.endsWith('.test.ts'))
    const isAlone = (path: string) => ALONE.some(name => name === path)
    const breaks = ({ path, code }: SourceFile) =>
      !isAlone(path) && (changes.test(code) || measures.test(code))
    expect(breakers(files, breaks)).toEqual([])
    expect(ALONE.filter(name => !files.some(({ path }) => path === name))).toEqual([])
  })

  it('finds in no module what an earlier file of the process has left', () => {
    const modules = [...src, ...tests.filter(({ path }) => path.startsWith('test/support/'))]
    expect(breakers(modules, file => /^(?:export )?(?:let|var) /m.test(file.code))).toEqual(KEEPING)
  })
})

type Lock = {
  packages: Record<
    string,
    {
      version?: string
      dependencies?: Record<string, string>
      optionalDependencies?: Record<string, string>
      resolved?: string
    }
  >
}
type Manifest = Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string>>

/** Folders of tests that test no folder of src alone: what crosses floors, and what the tests are made with. */
const FOLDERS_OF_THEIR_OWN = new Set([
  'attacks',
  'browser',
  'faults',
  'image',
  'interop',
  'process',
  'support',
])

describe('a folder of tests', () => {
  it('bears the name of the folder of src that it tests', () => {
    const folders = new Set(src.map(({ path }) => dirname(path).replace(/^src/, 'test')))
    const isKnown = (path: string) =>
      folders.has(dirname(path)) || FOLDERS_OF_THEIR_OWN.has(partOf(path)) || dirname(path) === 'test'
    expect(breakers(tests, ({ path }) => !isKnown(path))).toEqual([])
  })
})

describe('the dependencies', () => {
  const lockText = readFileSync('package-lock.json', 'utf8')
  const { packages } = JSON.parse(lockText) as Lock

  it('are all in the lock file, those of other platforms too', () => {
    const names = new Set(Object.keys(packages).map(path => path.split('node_modules/').at(-1)))
    const optional = Object.values(packages).flatMap(entry => Object.keys(entry.optionalDependencies ?? {}))
    expect(optional.filter(name => !names.has(name))).toEqual([])
  })

  it('name no registry: every machine asks its own', () => {
    expect(Object.entries(packages).filter(([, entry]) => /^https?:/.test(entry.resolved ?? ''))).toEqual([])
    expect(lockText).not.toMatch(/https?:\/\/[^"]*\.tgz/)
  })

  it('pin the driver exactly: store/postgres closes the faults of this version', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
    const locked = packages['node_modules/postgres']?.version
    expect(locked).toMatch(/^\d+\.\d+\.\d+$/)
    expect([dependencies['postgres'], packages['']?.dependencies?.['postgres']]).toEqual([locked, locked])
  })

  it('are each justified in docs/dependencies.md', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    ) as Manifest
    const page = readFileSync('docs/dependencies.md', 'utf8')
    const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
    expect(names.filter(name => !page.includes(`| \`${name}\` |`))).toEqual([])
  })
})

describe('the documents', () => {
  const documents = readDocuments()
  const architecture = documents.find(({ path }) => path === 'docs/architecture.md')?.text ?? ''

  it('have the tree of src: every part, and its folders from the lowest', () => {
    const [, tree = ''] = /^```\nsrc\/\n([\s\S]*?)^```/m.exec(architecture) ?? []
    const parts = tree.split(/^ {2}(?! )/m).slice(1)
    const named = parts.map(part => {
      const [name = '', ...folders] = part.match(/^(?: {4})?[\w-]+(?=\/|\.ts)/gm) ?? []
      return [name, folders.map(folder => folder.trim())] as const
    })
    const real = Object.keys(FLOORS).map(part => [part, INNER_FLOORS[part] ?? []] as const)
    expect(Object.fromEntries(named)).toEqual(Object.fromEntries(real))
  })

  it('have the floors as they are enforced', () => {
    const rows = architecture.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)
    const floors = [...rows].map(
      ([, part = '', allowed = '']) => [part, allowed.match(/\w+/g) ?? []] as const,
    )
    expect(Object.fromEntries(floors)).toEqual(FLOORS)
  })

  it('link to what is there, and name no file that is gone', () => {
    const gone = documents.flatMap(({ path, references }) =>
      references
        .filter(reference => {
          const [file = '', anchor] = reference.split('#')
          const target = documents.find(document => document.path === file)
          return !existsSync(file) || (anchor !== undefined && target?.anchors.has(anchor) !== true)
        })
        .map(reference => `${path}: ${reference}`),
    )
    expect(gone).toEqual([])
  })

  it('are what a comment of src cites, and no contract that stands elsewhere', () => {
    expect(breakers(src, file => /\bContract(?: –|:)|\bcontract(?:-people)?\.md\b/.test(file.text))).toEqual(
      [],
    )
  })

  it('are there where a comment cites them', () => {
    const cited = everything.flatMap(({ path, text }) =>
      [...text.matchAll(/\bdocs\/(?:decisions\/\d{4}|[\w/-]+\.md)/g)].map(([name]) => ({ path, name })),
    )
    expect(cited.filter(({ name }) => !documents.some(document => document.path.startsWith(name)))).toEqual(
      [],
    )
  })
})
