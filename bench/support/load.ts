import { type Answer, openConnection, type Request } from './connection.ts'
import { quantile } from './statistics.ts'

export type Load = Readonly<{ requests: number; per_second: number; p50: number; p99: number; most: number }>

/** The next request of a connection, and the handler of its answer. */
export type Caller = Readonly<{ next: () => Request; take?: (answer: Answer) => void }>

/** A closed-loop load: every connection waits for an answer before its next request. Rejects at the first answer that is not 2xx. */
export const drive = async ({
  port,
  seconds,
  callers,
}: {
  port: number
  seconds: number
  callers: readonly Caller[]
}): Promise<Load> => {
  const milliseconds: number[] = []
  const started = performance.now()
  const deadline = started + seconds * 1000
  await Promise.all(
    callers.map(async ({ next, take }) => {
      const connection = openConnection(port)
      while (performance.now() < deadline) {
        const request = next()
        const sent = performance.now()
        const answer = await connection.send(request)
        milliseconds.push(performance.now() - sent)
        if (answer.status >= 300) throw new Error(`${request.path}: ${answer.status} ${answer.body}`)
        take?.(answer)
      }
      connection.close()
    }),
  )
  const requests = milliseconds.length
  return {
    requests,
    per_second: (requests * 1000) / (performance.now() - started),
    p50: quantile(milliseconds, 0.5),
    p99: quantile(milliseconds, 0.99),
    most: quantile(milliseconds, 1),
  }
}

export const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index))

type Batch<T> = Readonly<{
  port: number
  connections: number
  requests: readonly Request[]
  take: (answer: Answer) => T
}>

/** Sends every request once, over so many connections, and returns what became of the answers, with the milliseconds of each. */
export const sendAll = async <T>({ port, connections, requests, take }: Batch<T>) => {
  const results: T[] = []
  const milliseconds: number[] = []
  const left = requests.values()
  const work = async () => {
    const connection = openConnection(port)
    for (const request of left) {
      const sent = performance.now()
      const answer = await connection.send(request)
      milliseconds.push(performance.now() - sent)
      results.push(take(answer))
    }
    connection.close()
  }
  await Promise.all(times(connections, work))
  return { results, milliseconds }
}
