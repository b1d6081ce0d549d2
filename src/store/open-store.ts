import { StartFault } from '../domain/base/start-fault.ts'
import type { StartPhase } from '../ports/effects.ts'
import { openEmbedded } from './embedded/embedded.ts'
import { type Database, type DatabaseOptions, openDatabase } from './postgres/index.ts'
import { faultOf, findDatabaseFaults } from './schema/database-faults.ts'

type Place = Readonly<{
  DATABASE_URL: string | null
  DATABASE_SCHEMA: string
  DATABASE_POOL_SIZE: number
  DATA_DIR: string
}>

type Around = Pick<DatabaseOptions, 'currentOrigin' | 'memory' | 'log'> &
  Readonly<{ onPhase?: ((phase: StartPhase) => void) | undefined }>

/**
 * Opens the Postgres of DATABASE_URL, or the embedded one. Rejects with a StartFault when the database cannot be reached or refuses us,
 * and when the schema is not the one that this version knows.
 */
export const openStore = async (
  { DATABASE_URL, DATABASE_SCHEMA: schema, DATABASE_POOL_SIZE, DATA_DIR }: Place,
  { onPhase, ...around }: Around = {},
): Promise<Database> => {
  if (DATABASE_URL === null) {
    const embedded = await openEmbedded({ data_dir: DATA_DIR, onPhase })
    const database = openDatabase({ ...embedded, ...around })
    return {
      ...database,
      close: async () => {
        await database.close()
        await embedded.close()
      },
    }
  }
  const database = openDatabase({ url: DATABASE_URL, schema, pool_size: DATABASE_POOL_SIZE, ...around })
  try {
    const faults = await findDatabaseFaults(database, schema)
    if (faults.length > 0) throw new StartFault(faults)
    return database
  } catch (error) {
    await database.close()
    throw await faultOf(error, { url: DATABASE_URL })
  }
}
