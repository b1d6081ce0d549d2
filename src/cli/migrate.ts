import { type Command, CommanderError } from 'commander'
import { readSettings } from '../config.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import { distribute, requireCitus } from '../store/migrations/distribute.ts'
import { migrate } from '../store/migrations/migrate.ts'
import type { Step } from '../store/schema/migrations.ts'
import type { Io } from './terminal/io.ts'

type Options = Readonly<{ to?: string; dryRun?: boolean; json?: boolean; citus?: boolean }>

type Outcome = Readonly<
  | { steps: readonly Step[]; dry_run: boolean; embedded: boolean; distributed?: readonly string[] }
  | { faults: readonly string[] }
>

/** Adds `migrate`. Each fault is a line, and ends in a CommanderError of exit code 2. */
export const addMigrateCommand = (program: Command, io: Io): void => {
  program
    .command('migrate')
    .description(
      'bring the database of DATABASE_URL to the schema of this version; safe to run from several replicas at once',
    )
    .option(
      '--to <migration>',
      'go up or down to this migration, or to none; going down drops what later migrations added',
    )
    .option('--dry-run', 'print the steps, and take none')
    .option('--json', 'print JSON for programs')
    .option(
      '--citus',
      'distribute the tables over the nodes of the Citus cluster whose coordinator DATABASE_URL names, with their rows; stop the servers first',
    )
    .action(async ({ citus = false, ...options }: Options) =>
      print(io, options, await (citus ? runOnCitus(io, options) : run(io, options))),
    )
}

const runOnCitus = async (io: Io, options: Options): Promise<Outcome> => {
  const reading = readSettings(['DATABASE_URL', 'DATABASE_SCHEMA'], io.environment)
  if ('faults' in reading) return reading
  const { DATABASE_URL: url, DATABASE_SCHEMA: schema } = reading.settings
  if (url === null)
    return { faults: ['--citus needs DATABASE_URL: set it to the coordinator, or leave --citus out'] }
  if (options.to !== undefined || options.dryRun === true)
    return { faults: ['--citus distributes the newest schema: leave --to and --dry-run out'] }
  try {
    await requireCitus({ url, schema })
    const outcome = await run(io, options)
    return 'faults' in outcome ? outcome : { ...outcome, distributed: await distribute({ url, schema }) }
  } catch (error) {
    if (error instanceof StartFault) return { faults: error.lines }
    throw error
  }
}

const run = async (io: Io, { to, dryRun = false }: Options): Promise<Outcome> => {
  const reading = readSettings(['DATABASE_URL', 'DATABASE_SCHEMA'], io.environment)
  if ('faults' in reading) return reading
  const { DATABASE_URL: url, DATABASE_SCHEMA: schema } = reading.settings
  if (url === null) {
    return to === undefined
      ? { steps: [], dry_run: dryRun, embedded: true }
      : {
          faults: [
            '--to needs DATABASE_URL: set it, or leave --to out; a server brings the embedded database up to date itself',
          ],
        }
  }
  try {
    const steps = await migrate({ url, schema, isDryRun: dryRun, ...(to === undefined ? {} : { to }) })
    return { steps, dry_run: dryRun, embedded: false }
  } catch (error) {
    if (error instanceof StartFault) return { faults: error.lines }
    throw error
  }
}

const print = ({ out, err }: Io, { json = false }: Options, outcome: Outcome): void => {
  if (json) out(JSON.stringify(outcome))
  if ('faults' in outcome) {
    if (!json) outcome.faults.forEach(line => err(line))
    throw new CommanderError(2, 'signetd.faults', outcome.faults.join('; '))
  }
  if (!json) linesOf(outcome).forEach(line => out(line))
}

const linesOf = (outcome: Exclude<Outcome, { faults: unknown }>): readonly string[] => [
  ...linesOfSteps(outcome),
  ...(outcome.distributed ?? []).map(table => `distributed ${table}`),
  ...(outcome.distributed === undefined
    ? []
    : ['the tables are distributed: start the servers with REFRESH_TOKEN_VERSION=2']),
]

const linesOfSteps = ({
  steps,
  dry_run,
  embedded,
}: Exclude<Outcome, { faults: unknown }>): readonly string[] => {
  if (embedded)
    return ['DATABASE_URL is unset: nothing to do, since each start brings the embedded database up to date']
  if (steps.length === 0) return ['the schema is up to date']
  const verb = dry_run
    ? { up: 'would apply', down: 'would undo', build: 'would build' }
    : { up: 'applied', down: 'undid', build: 'built' }
  return steps.map(({ name, direction }) => `${verb[direction]} ${name}`)
}
