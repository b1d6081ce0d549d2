import { createLimit } from '../ephemeral/limits.ts'
import { createStatusLists, STATUS_LIST_LIMIT, type StatusLists } from '../flows/status-lists.ts'
import type { Clock, Keys, Metrics } from '../ports.ts'
import type { Database } from '../store/database.ts'
import { createStatusEntries } from '../store/status-entries.ts'

type Parts = Readonly<{ database: Database; keys: Keys; clock: Clock; issuer: string; metrics: Metrics }>

/** The status lists' own parts, put in their places. */
export const composeStatusLists = ({ database, metrics, ...parts }: Parts): StatusLists =>
  createStatusLists({
    ...parts,
    statusEntries: createStatusEntries(database),
    making: createLimit('status-lists', STATUS_LIST_LIMIT, { redis: null, metrics }),
  })
