import { Gauge, type Registry } from 'prom-client'

/** Makes gauges that are read at each scrape. One that reads null has no sample. */
export const createGauge =
  (registers: Registry[]) =>
  (name: string, help: string, read: () => number | null | Promise<number | null>) =>
    new Gauge({
      name: `signet_${name}`,
      help,
      registers,
      async collect() {
        const value = await read()
        if (value === null) this.remove()
        else this.set(value)
      },
    })

/** The followers of the events at this instance, and since when the slowest of them lacks something. */
export type WatchedFollowers = Readonly<{ size: () => number; slowestSeconds: () => number }>

export const watchEventFollowers = (
  gauge: ReturnType<typeof createGauge>,
  { size, slowestSeconds }: WatchedFollowers,
): void => {
  gauge('event_followers', 'Followers of the events at this instance.', size)
  gauge(
    'event_follower_behind_seconds',
    'Since when the slowest of them lacks an event that is known here, 0 when none does.',
    slowestSeconds,
  )
}
