import { LEFT_OUT } from './left-out.ts'

/** Refuses a run without a cluster, and says at its end what it has left out. */
export const setup = (): (() => void) => {
  if (!process.env['TEST_CITUS_URL'])
    throw new Error('test:citus needs TEST_CITUS_URL, a database of the coordinator: see docs/scaling.md')
  return () => {
    for (const [path, reason] of Object.entries(LEFT_OUT))
      process.stderr.write(`\nLEFT OUT on Citus: ${path}: ${reason}.\n`)
  }
}
