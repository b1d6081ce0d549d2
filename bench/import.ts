import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { residentMegabytes } from './support/processor.ts'
import type { Bench } from './support/report.ts'

const ACCOUNTS = 100_000
/** The last import is this many times larger, to show whether memory grows with the number of accounts. */
const MORE = 4
const SAMPLE_MILLISECONDS = 100

/** Imports one hundred thousand accounts into Postgres, the same file again and four times as many, and exports all of them. */
export const benchImport: Bench = async world => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-bench-'))
  const { url } = await world.store(10_000)
  const file = join(directory, 'accounts.jsonl')
  const long = join(directory, 'more.jsonl')
  writeAccounts(file, 'some', ACCOUNTS)
  writeAccounts(long, 'more', ACCOUNTS * MORE)
  const first = await signetd(url, 'import', file)
  const again = await signetd(url, 'import', file)
  const more = await signetd(url, 'import', long)
  const out = await signetd(url, 'export', '--with-digests')
  rmSync(directory, { recursive: true, force: true })
  return [
    { what: 'import of 100 thousand accounts', seen: first.seconds, unit: 's', goal: { most: 120 } },
    { what: 'resident, at most', seen: first.megabytes, unit: 'MB' },
    { what: 'the same file again', seen: again.seconds, unit: 's' },
    { what: 'import of 400 thousand more', seen: more.seconds, unit: 's' },
    { what: 'resident, at most', seen: more.megabytes, unit: 'MB' },
    {
      what: '400 thousand / 100 thousand, resident',
      seen: more.megabytes / first.megabytes,
      goal: { most: 1.2 },
    },
    { what: 'export of 500 thousand', seen: out.seconds, unit: 's' },
    { what: 'resident, at most', seen: out.megabytes, unit: 'MB' },
  ]
}

const writeAccounts = (path: string, name: string, accounts: number) => {
  const file = openSync(path, 'w')
  for (let number = 0; number < accounts; number++) {
    const salt = String(number).padStart(53, 'a')
    const account = {
      email: `${name}-${number}@bench.example`,
      password_digest: `$2b$10$${salt}`,
      roles: ['user', 'imported'],
      email_verified: number % 2 === 0,
      created_at: '2024-02-29T12:00:00Z',
    }
    writeSync(file, `${JSON.stringify(account)}\n`)
  }
  closeSync(file)
}

export const signetd = async (url: string, ...words: readonly string[]) => {
  const started = performance.now()
  const child = spawn(process.execPath, ['dist/cli/signetd.js', 'accounts', ...words], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.resume()
  let megabytes = 0
  const sampling = setInterval(() => {
    if (child.exitCode === null) megabytes = Math.max(megabytes, residentMegabytes(child.pid ?? 0) || 0)
  }, SAMPLE_MILLISECONDS)
  const [code] = await once(child, 'exit')
  clearInterval(sampling)
  if (code !== 0) throw new Error(`signetd accounts ${words.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - started) / 1000, megabytes }
}
