import { CANNOT_CONNECT } from './outage.ts'

/** Time for which an answer proves that Postgres is there, while no connection ends. */
const FRESH_MILLISECONDS = 1_000
/** Time for which Postgres counts as away after it has refused a connection. */
const REFUSED_MILLISECONDS = 200

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
