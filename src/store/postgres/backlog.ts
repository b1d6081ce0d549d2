import type { Sql } from 'postgres'
import type { Checkout } from './checkout.ts'
import type { Connection } from './connection.ts'

/** The waiting queue of a pool: work that came while no connection could be acquired, the oldest first. */
export const createBacklog = (acquire: () => Connection | undefined) => {
  const waiting = new Set<(connection: Connection) => void>()

  const serve = () => {
    for (const start of waiting) {
      const connection = acquire()
      if (connection === undefined) return
      waiting.delete(start)
      start(connection)
    }
  }

  const enqueue = <T>(work: (sql: Sql) => Promise<T>): Checkout<T> => {
    let abandon = () => {}
    const answer = new Promise<T>((resolve, reject) => {
      const start = (connection: Connection) => {
        const sent = connection.send(work)
        abandon = sent.abandon
        resolve(sent.answer)
      }
      waiting.add(start)
      abandon = () => {
        waiting.delete(start)
        reject(new Error('abandoned before it had a connection'))
      }
    })
    return { answer, abandon: () => abandon() }
  }

  return { serve, enqueue }
}
