import { mkdirSync } from 'node:fs'
import { openEmbedded } from '../../../src/store/embedded/embedded.ts'
import { openDatabase } from '../database.ts'

/** Makes a closed embedded database with the whole schema and no rows, which tests copy. */
export const makeEmbeddedTemplate = async (data_dir: string): Promise<string> => {
  mkdirSync(data_dir, { mode: 0o700 })
  const embedded = await openEmbedded({ data_dir })
  const database = openDatabase(embedded)
  await database.ping()
  await database.close()
  await embedded.close()
  return data_dir
}
