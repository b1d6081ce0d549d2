import { setTimeout as pause } from 'node:timers/promises'
import type { Sql, TransactionSql } from 'postgres'
import { StartFault } from '../../domain/base/start-fault.ts'
import { type DatabasePlace, onPrimary, quoteIdentifier } from '../postgres/index.ts'
import { readApplied } from '../schema/history.ts'
import { judgeNewer, type Migration, type Step } from '../schema/migrations.ts'
import { expectedIndexes, findUnbuilt, type LateIndex } from './late-indexes.ts'
import { createLease, inPatientTransaction, isRaced, TRIES, tryBuildLease, whileHeld } from './lease.ts'

const BUSY_PAUSE_MILLISECONDS = 250

type Needs = Readonly<{ place: DatabasePlace; known: readonly Migration[]; schema: string }>

/** Runs the work again until it is not 'busy'. The work waits for nothing itself. */
export const retryWhileBusy = async <T>(work: () => Promise<T | 'busy'>): Promise<T> => {
  for (;;) {
    const outcome = await work()
    if (outcome !== 'busy') return outcome
    await pause(BUSY_PAUSE_MILLISECONDS)
  }
}

/**
 * Builds the late indexes of the applied migrations that are missing or invalid, one after the other, without a lock that keeps writers
 * waiting. An instance that finds another one building waits until nothing is left to build. Rejects with a StartFault when a build fails,
 * which leaves the schema complete but for the index.
 */
export const buildIndexes = async (sql: Sql, needs: Needs): Promise<readonly Step[]> => {
  const left = await inPatientTransaction(sql, held => findUnbuiltIndexes(held, needs))
  if (left.length === 0) return []
  await createLease(sql, needs.schema)
  return onPrimary(
    needs.place,
    async builder => {
      const built: Step[] = []
      for (;;) {
        const step = await retryWhileBusy(() => buildNext(sql, builder, needs))
        if (step === null) return built
        built.push(step)
      }
    },
    'patient',
  )
}

/** The late indexes that are missing or invalid. None on the schema of a newer version, which may have dropped them. */
export const findUnbuiltIndexes = async (
  sql: Sql | TransactionSql,
  { known, schema }: Pick<Needs, 'known' | 'schema'>,
) => {
  const applied = await readApplied(sql, schema)
  if (judgeNewer(known, applied) !== 'none') return []
  return findUnbuilt(sql, {
    schema,
    expected: expectedIndexes(known.filter(({ when }) => applied.has(when))),
  })
}

/** Builds one index, and returns the step; null when none is left, `busy` while another instance builds. */
const buildNext = async (sql: Sql, builder: Sql, needs: Needs): Promise<Step | null | 'busy'> => {
  for (let tries = 1; ; tries++) {
    const turn = await inPatientTransaction(sql, async held => {
      if (!(await tryBuildLease(held, needs.schema))) return 'busy'
      const [next] = await findUnbuiltIndexes(held, needs)
      if (next === undefined) return null
      // Returned, because an error of the other connection is not one of this transaction.
      const error = await whileHeld(held, () => failureOf(build(builder, { ...next, schema: needs.schema })))
      return { name: next.name, error }
    })
    if (turn === 'busy' || turn === null) return turn
    if (turn.error === null) return { name: turn.name, direction: 'build' }
    if (tries === TRIES || !isRaced(turn.error)) throw faultOfBuild(turn.name, turn.error)
  }
}

type Build = LateIndex & Readonly<{ isInvalid: boolean; schema: string }>

/** Each statement is a simple query of its own: Postgres refuses both in a transaction. They name the schema, whatever the search path is. */
const build = async (sql: Sql, { name, table, definition, isInvalid, schema }: Build): Promise<void> => {
  const [index, place] = [quoteIdentifier(name), quoteIdentifier(schema)]
  if (isInvalid) await sql.unsafe(`drop index concurrently if exists ${place}.${index}`)
  await sql.unsafe(`create index concurrently ${index} on ${place}.${quoteIdentifier(table)} ${definition}`)
}

const failureOf = async (work: Promise<void>): Promise<Error | null> => {
  try {
    await work
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const faultOfBuild = (name: string, error: Error): StartFault =>
  new StartFault(
    [
      `the index ${name} was not built (${error.message}): servers run without it, only slower; run signetd migrate again`,
    ],
    error,
  )
