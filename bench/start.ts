import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { residentMegabytes } from './support/processor.ts'
import type { Bench } from './support/report.ts'
import { startSignet } from './support/server.ts'

/** From the spawn of the process to its first 200 at /readyz. */
export const benchStart: Bench = async world => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-bench-'))
  const own = { DATA_DIR: join(directory, 'data'), KEYS_DIR: join(directory, 'keys') }
  const embedded: number[] = []
  for (let turn = 0; turn < 2; turn++) {
    const server = await startSignet(own)
    embedded.push(server.start_milliseconds / 1000)
    await server.stop()
  }
  rmSync(directory, { recursive: true, force: true })
  const [first = 0, next = 0] = embedded
  const server = await world.startSignet(await world.store(10_000))
  const resident = residentMegabytes(server.pid)
  await server.stop()
  return [
    { what: 'embedded, first start', seen: first, unit: 's', goal: { most: 8 } },
    { what: 'embedded, next start', seen: next, unit: 's', goal: { most: 3 } },
    { what: 'Postgres, start', seen: server.start_milliseconds / 1000, unit: 's', goal: { most: 1.5 } },
    { what: 'Postgres, resident when ready', seen: resident, unit: 'MB', goal: { most: 180 } },
  ]
}
