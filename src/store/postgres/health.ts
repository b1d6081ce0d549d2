import { CANNOT_CONNECT } from './outage.ts'

/** Time for which an answer proves that Postgres is there, while no connection ends. */
const FRESH_MILLISECONDS = 1_000
/** Time for which Postgres counts as away after it has refused a connection. */
const REFUSED_MILLISECONDS = 200
/** Time after which a reading of the clock of Postgres begins to be forgotten. */
const READING_MILLISECONDS = 60_000

export type Health = ReturnType<typeof trackHealth>

/** The state of Postgres, as its last answers tell it. */
export const trackHealth = () => {
  let freshUntil = 0
  let refusedUntil = 0
  let isLost = false

  return {
    noteAnswer: () => {
      isLost = false
      freshUntil = performance.now() + FRESH_MILLISECONDS
    },
    /** `code` is null when there was no answer in time. */
    noteOutage: (code: string | null) => {
      isLost = true
      freshUntil = 0
      if (code !== null && CANNOT_CONNECT.has(code)) refusedUntil = performance.now() + REFUSED_MILLISECONDS
    },
    noteClosed: () => {
      freshUntil = 0
    },
    isFresh: () => performance.now() < freshUntil,
    isRefused: () => performance.now() < refusedUntil,
    isLost: () => isLost,
  }
}

/**
 * The clock of Postgres, as far as its answers tell it. An answer was made before it is read, so that the clock is now at least as late as a
 * reading says. The latest of the readings of one to two minutes counts: one that was long on its way is too early, and one from before the
 * clock was set back is too late.
 */
export const trackClock = () => {
  let [former, present] = [-Infinity, -Infinity]
  let since = performance.now()

  const forget = () => {
    const periods = Math.floor((performance.now() - since) / READING_MILLISECONDS)
    if (periods === 0) return
    former = periods === 1 ? present : -Infinity
    present = -Infinity
    since = performance.now()
  }

  return {
    note: (at: Date) => {
      forget()
      present = Math.max(present, at.getTime() - performance.now())
    },
    /** The time of Postgres, in milliseconds since 1970, at a time of performance.now(); Infinity while no reading counts. */
    timeAt: (moment: number): number => {
      forget()
      const ahead = Math.max(former, present)
      return ahead === -Infinity ? Infinity : moment + ahead
    },
  }
}
