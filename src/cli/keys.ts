import { type Command, CommanderError } from 'commander'
import { readSettings } from '../config.ts'
import { formatKeyDates, parseMoment } from '../domain/keys/key-dates.ts'
import { nextRotation, plusSeconds } from '../domain/keys/key-ring.ts'
import type { Outcome } from '../signing/change-keys.ts'
import { type ListedKey, listKeys, type Place } from '../signing/list-keys.ts'
import { retireKey, revokeEveryKey, revokeKey, rotateKeys } from '../signing/rotation.ts'
import { generatePem } from '../signing/signing-key.ts'
import type { Io } from './terminal/io.ts'
import { tableLines } from './terminal/table.ts'

type Options = Readonly<{ json?: true; now?: true; all?: true }>

type Schedule = Readonly<{ keys: readonly ListedKey[]; next_rotation_at: Date | null }>

/** Adds `keys [list] | rotate | retire | revoke`. Exit code 1 for a refusal, 2 for a fault of the set-up. */
export const addKeysCommands = (program: Command, io: Io): void => {
  const keys = program
    .command('keys')
    .description('manage the signing keys: list, announce, retire and revoke them')
  const run = async (options: Options, work: (place: Place) => Promise<Outcome>) => {
    const outcome = await inKeysDirectory(io, work)
    print(io, options, outcome)
  }
  keys
    .command('list', { isDefault: true })
    .description('print every key with its state and its times, and when the next key is due')
    .option('--json', 'print JSON for programs')
    .action((options: Options) => list(io, options))
  keys
    .command('new')
    .description(
      'print a new private key, for a mounted secret: it is published once it is mounted, and signs from its date on',
    )
    .option(
      '--signs-from <time>',
      'when the key begins to sign, such as 2026-11-21T07:00:00Z; default: in one hour',
    )
    .action((options: NewOptions) => printNew(io, options))
  keys
    .command('rotate')
    .description('announce a new key, which signs once verifiers have had the time to see it')
    .option('--now', 'let it sign at once; verifiers then have to fetch the JWKS again')
    .option('--json', 'print JSON for programs')
    .action((options: Options) => run(options, place => rotateKeys(place, paceOf(options))))
  keys
    .command('retire <kid>')
    .description('let the announced key take over from this one, whose tokens stay valid')
    .option('--now', 'do not wait until verifiers have seen the next key; if none is announced, make one')
    .option('--json', 'print JSON for programs')
    .action((kid: string, options: Options) =>
      run(options, place => retireKey(place, { kid, ...paceOf(options) })),
    )
  keys
    .command('revoke [kid]')
    .description('delete a compromised key, and refuse every token that it signed')
    .option('--all', 'revoke every key; a new one signs at once')
    .option('--now', 'revoke; without --now the command only says what it would revoke')
    .option('--json', 'print JSON for programs')
    .action((kid: string | undefined, options: Options) =>
      run(options, place => revoke(place, { kid, options })),
    )
}

type Revoking = Readonly<{ kid: string | undefined; options: Options }>

const revoke = async (place: Place, { kid, options: { all, ...pace } }: Revoking): Promise<Outcome> => {
  if ((kid !== undefined) === (all ?? false)) return { refusal: 'name the key to revoke, or add --all' }
  return kid === undefined ? revokeEveryKey(place, paceOf(pace)) : revokeKey(place, { kid, ...paceOf(pace) })
}

type NewOptions = Readonly<{ signsFrom?: string }>

/** Seconds for the operator to mount the key and for verifiers to see it. */
const NEW_KEY_SECONDS = 3_600

const printNew = async (io: Io, { signsFrom }: NewOptions): Promise<void> => {
  const signs_from =
    signsFrom === undefined ? plusSeconds(new Date(), NEW_KEY_SECONDS) : parseMoment(signsFrom)
  if (signs_from === null)
    return print(io, {}, { refusal: '--signs-from must be a time such as 2026-11-21T07:00:00Z' })
  const { pem } = await generatePem()
  io.out(`${formatKeyDates({ signs_from, announced_at: null })}${pem}`.trimEnd())
}

const list = async (io: Io, options: Options): Promise<void> => {
  const reading = readSettings(['KEYS_DIR', 'KEY_ROTATION_DAYS'], io.environment)
  if ('faults' in reading) return print(io, options, reading)
  const { KEYS_DIR, KEY_ROTATION_DAYS } = reading.settings
  const outcome = await listKeys({ directory: KEYS_DIR, clock: () => new Date() })
  if ('faults' in outcome) return print(io, options, outcome)
  const next_rotation_at = nextRotation(outcome.keys, KEY_ROTATION_DAYS * 86_400)
  print(io, options, { ...outcome, next_rotation_at })
  if (!options.json && next_rotation_at !== null)
    io.out(`The next key is due at ${moment(next_rotation_at, '-')}.`)
}

const paceOf = ({ now = false }: { now?: boolean }): { now: boolean } => ({ now })

const inKeysDirectory = async (io: Io, work: (place: Place) => Promise<Outcome>): Promise<Outcome> => {
  const reading = readSettings(['KEYS_DIR'], io.environment)
  return 'faults' in reading
    ? reading
    : work({ directory: reading.settings.KEYS_DIR, clock: () => new Date() })
}

const print = ({ out, err }: Io, { json = false }: { json?: boolean }, outcome: Outcome | Schedule): void => {
  if (json) out(JSON.stringify(outcome))
  if ('keys' in outcome) return json ? undefined : table(outcome.keys).forEach(out)
  const lines = 'refusal' in outcome ? [outcome.refusal] : outcome.faults
  if (!json) lines.forEach(err)
  throw 'refusal' in outcome
    ? new CommanderError(1, 'signetd.refused', lines.join('; '))
    : new CommanderError(2, 'signetd.faults', lines.join('; '))
}

const table = (keys: readonly ListedKey[]): readonly string[] =>
  tableLines([
    ['STATE', 'KID', 'SIGNS FROM', 'RETIRED AT', 'DROP AT', 'FILE'],
    ...keys.map(key => [
      key.state,
      key.kid,
      moment(key.signs_from, 'always'),
      moment(key.retired_at, '-'),
      moment(key.drop_at, '-'),
      key.file,
    ]),
  ])

const moment = (date: Date | null, none: string): string => date?.toISOString().replace('.000Z', 'Z') ?? none
