import { refreshCallers } from './refresh.ts'
import { drive } from './support/load.ts'
import { residentMegabytes } from './support/processor.ts'
import type { Bench } from './support/report.ts'

const MINUTES = 5
const SAMPLE_SECONDS = 30

/** Five minutes of refreshes: memory is flat when the second half ends where it began. */
export const benchSoak: Bench = async world => {
  const store = await world.store(10_000)
  const server = await world.startSignet(store)
  const callers = refreshCallers(store)
  const megabytes: number[] = []
  let refreshes = 0
  for (let sample = 0; sample < (MINUTES * 60) / SAMPLE_SECONDS; sample++) {
    refreshes += (await drive({ port: server.port, seconds: SAMPLE_SECONDS, callers })).requests
    megabytes.push(residentMegabytes(server.pid))
  }
  await server.stop()
  const half = megabytes[megabytes.length / 2 - 1] ?? Number.NaN
  const end = megabytes.at(-1) ?? Number.NaN
  return [
    { what: 'refreshes', seen: refreshes },
    { what: 'resident after half of the time', seen: half, unit: 'MB' },
    { what: 'resident at the end', seen: end, unit: 'MB' },
    { what: 'end / half', seen: end / half, goal: { most: 1.1 } },
  ]
}
