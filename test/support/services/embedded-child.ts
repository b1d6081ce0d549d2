import { openEmbedded } from '../../../src/store/embedded/embedded.ts'
import { openDatabase } from '../database.ts'

/** A process that opens the embedded database of a directory, writes rows, reports them, and waits to be killed. */
const [data_dir = ''] = process.argv.slice(2)
try {
  const database = openDatabase(await openEmbedded({ data_dir }))
  for (let number = 1; number <= 100; number++) {
    await database.run(
      sql => sql`insert into revocations (kind, value, expires_at) values ('jti', ${`${number}`}, now())`,
    )
  }
  process.stdout.write('written\n')
  setInterval(() => {}, 60_000)
} catch (error) {
  process.stdout.write(`${String(error)}\n`)
}
