import { existsSync } from 'node:fs'
import { type Command, CommanderError } from 'commander'
import { readSettings, redisPrefixIn } from '../config.ts'
import { openRedis } from '../ephemeral/redis.ts'
import { forgetTimelines } from '../ephemeral/timeline-memory.ts'
import type { Outcome } from '../signing/change-keys.ts'
import { listKeys } from '../signing/list-keys.ts'
import { revokeEveryKey } from '../signing/rotation.ts'
import { endRestored, type Restored } from '../store/end-restored.ts'
import { fail, type Options, withDatabase } from './accounts/with-accounts.ts'
import { type Io, QUIET_LOG } from './terminal/io.ts'

/** Seconds that a client assertion may live: a restored database does not know which of the last minutes were spent. */
const ASSERTION_SECONDS = 600

/** Adds `restored`, which prepares a database that was restored from a backup for a server. Safe to run again. */
export const addRestoredCommand = (program: Command, io: Io): void => {
  program
    .command('restored')
    .description(
      'run this after a backup was restored and while no server runs: it revokes every signing key, ends every sign-in and voids every mailed link',
    )
    .option('--json', 'print JSON for programs')
    .action((options: Options) => restored(io, options))
}

const restored = (io: Io, options: Options): Promise<void> =>
  withDatabase(io, options, async database => {
    const reading = readSettings(SETTINGS, io.environment)
    if ('faults' in reading) return fail(io, options, reading.faults)
    const place = { directory: reading.settings.KEYS_DIR, clock: () => new Date() }
    // The directory may be missing on the machine of the restored database.
    const before = existsSync(place.directory) ? await listKeys(place) : { keys: [] }
    const outcome = 'faults' in before ? before : await revokeEveryKey(place, { now: true })
    const keys = judgeKeys(before, outcome)
    const ended = await endRestored(database)
    const timelines = await forgetInRedis(reading.settings)
    const assertions_until = new Date(Date.now() + ASSERTION_SECONDS * 1000)
    print(io, options, { ...ended, ...keys, ...timelines, assertions_until })
  })

const SETTINGS = ['KEYS_DIR', 'REDIS_URL', 'REDIS_PREFIX', 'ISSUER', 'DEFAULT_AUDIENCE', 'PORT'] as const

type RedisSettings = Parameters<typeof redisPrefixIn>[0] & Readonly<{ REDIS_URL: string | null }>

/** Whether Redis forgot the timelines of the lost database, of which the restored one would count as a former primary; null without Redis. */
type Forgotten = Readonly<{ timelines_forgotten: boolean | null }>

const forgetInRedis = async ({ REDIS_URL: url, ...settings }: RedisSettings): Promise<Forgotten> => {
  if (url === null) return { timelines_forgotten: null }
  const redis = openRedis({ url, prefix: redisPrefixIn(settings), log: QUIET_LOG })
  await redis.connect()
  const timelines_forgotten = await forgetTimelines(redis)
  await redis.close()
  return { timelines_forgotten }
}

/** The revoked signing keys and the new signing key, or the faults for which no key was revoked. */
type Keys = Readonly<{
  revoked_keys: readonly string[]
  signing_key: string | null
  faults: readonly string[]
}>

type Done = Restored & Keys & Forgotten & Readonly<{ assertions_until: Date }>

const judgeKeys = (before: Outcome, outcome: Outcome): Keys => {
  if ('keys' in before && 'keys' in outcome) {
    const [signing] = outcome.keys
    return { revoked_keys: before.keys.map(key => key.kid), signing_key: signing?.kid ?? null, faults: [] }
  }
  const faults =
    'faults' in outcome
      ? outcome.faults
      : ['KEYS_DIR: the keys could not be revoked; run signetd keys revoke --all --now']
  return { revoked_keys: [], signing_key: null, faults }
}

/** The database is prepared in any case. Keys that could not be revoked are the last lines, with exit code 2. */
const print = (io: Io, { json = false }: Options, done: Done): void => {
  if (json) io.out(JSON.stringify(done))
  else linesOf(done).forEach(line => io.out(line))
  if (done.faults.length === 0) return
  const lines = [
    ...done.faults,
    'the signing keys are not revoked: tokens from before live until they expire; replace the keys, or wait, before a server starts',
  ]
  if (!json) lines.forEach(line => io.err(line))
  throw new CommanderError(2, 'signetd.faults', lines.join('; '))
}

const STILL_REMEMBERED =
  'REDIS_URL: redis did not forget the timelines of the database; where a server refuses the database as a former primary, run this again'

const linesOf = ({
  revoked_keys,
  signing_key,
  assertions_until,
  timelines_forgotten,
  ...ended
}: Done): readonly string[] => [
  ...(signing_key === null
    ? []
    : [`signing keys revoked: ${revoked_keys.join(', ') || 'none'}; ${signing_key} signs from now on`]),
  `sign-ins ended: ${ended.sign_ins}, of ${ended.accounts} accounts`,
  `mailed links voided: ${ended.links}; unfinished sign-ins and enrolments voided: ${ended.ceremonies}`,
  `where clients authenticate with private_key_jwt, start no server before ${assertions_until.toISOString()}: the database does not know which assertions were spent`,
  ...(timelines_forgotten === false ? [STILL_REMEMBERED] : []),
]
