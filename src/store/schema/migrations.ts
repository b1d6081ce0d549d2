import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'

/** A migration that drizzle-kit has generated. */
export type Migration = Readonly<{
  name: string
  /** Milliseconds since 1970, by which the database identifies the migration. */
  when: number
  hash: string
  up: readonly string[]
  /** Null for a migration without a rollback. */
  down: readonly string[] | null
  /**
   * `when` of the oldest migration whose servers also run with this one, from the file's first line: `-- compatible-with: 0000_core`.
   * Null: only servers that know this migration run with it.
   */
  compatible_with: number | null
}>

/** `build`: of an index, outside of the migration that has it. */
export type Step = Readonly<{ name: string; direction: 'up' | 'down' | 'build' }>

/** Three levels up, from src/store/schema and from dist/store/schema. */
const DIRECTORY = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/** Every migration that this version knows, the oldest first. */
export const readMigrations = (): readonly Migration[] => {
  const files = readMigrationFiles({ migrationsFolder: DIRECTORY })
  const names = readNames()
  return files.map(({ sql, folderMillis: when, hash }, index) => {
    const name = names[index] ?? String(when)
    const oldest = /^-- compatible-with: (\S+)$/m.exec(sql[0] ?? '')?.[1]
    const compatible_with = files[names.findIndex(known => known === oldest)]?.folderMillis ?? null
    return { name, when, hash, up: sql, down: readRollback(name), compatible_with }
  })
}

const readNames = (): readonly string[] => {
  const journal = JSON.parse(readFileSync(join(DIRECTORY, 'meta', '_journal.json'), 'utf8')) as {
    entries: readonly { tag: string }[]
  }
  return journal.entries.map(({ tag }) => tag)
}

const readRollback = (name: string): readonly string[] | null => {
  const path = join(DIRECTORY, 'rollback', `${name}.sql`)
  return existsSync(path) ? readFileSync(path, 'utf8').split('--> statement-breakpoint') : null
}

type PlannedStep = Readonly<{ name: string; direction: 'up' | 'down'; migration: Migration }>

export type Plan = Readonly<{ steps: readonly PlannedStep[] } | { fault: string }>

export const AHEAD =
  'the schema is of a newer version of Signet, or not its own: run that version, or go back with its signetd migrate --to'

/** The applied migrations: `when` of each, with its `compatible_with`. */
export type Applied = ReadonlyMap<number, number | null>

/** The steps from the applied migrations to the target, which names the last migration to be applied. */
export const planSteps = (known: readonly Migration[], applied: Applied, target: string): Plan => {
  const newer = judgeNewer(known, applied)
  // An older release that is deployed again, with its migration job, has nothing to do.
  if (newer === 'compatible' && target === 'latest') return { steps: [] }
  if (newer !== 'none') {
    return {
      fault: 'the schema is of a newer version of Signet, or not its own: run the version that made it',
    }
  }
  const last = target === 'latest' ? known.length - 1 : known.findIndex(({ name }) => name === target)
  if (last < 0 && target !== 'none') {
    return {
      fault: `there is no migration ${target}; there are: none, ${known.map(({ name }) => name).join(', ')}`,
    }
  }
  const down = known.filter(({ when }, index) => index > last && applied.has(when)).toReversed()
  const lost = down.find(migration => migration.down === null)
  if (lost !== undefined)
    return { fault: `there is no way back from migration ${lost.name}: restore a backup from before it` }
  const up = known.filter(({ when }, index) => index <= last && !applied.has(when))
  return {
    steps: [
      ...down.map(migration => ({ migration, name: migration.name, direction: 'down' as const })),
      ...up.map(migration => ({ migration, name: migration.name, direction: 'up' as const })),
    ],
  }
}

/** Ours – A server runs on the schema of a later version when each migration that it does not know declares itself compatible. */
export const judgeNewer = (
  known: readonly Migration[],
  applied: Applied,
): 'none' | 'compatible' | 'incompatible' => {
  const whens = new Set(known.map(({ when }) => when))
  const newest = known.at(-1)?.when ?? 0
  const newer = [...applied].filter(([when]) => !whens.has(when))
  if (newer.length === 0) return 'none'
  const isComplete = known.every(({ when }) => applied.has(when))
  const mayRun = newer.every(([, compatible_with]) => compatible_with !== null && compatible_with <= newest)
  return isComplete && mayRun ? 'compatible' : 'incompatible'
}
