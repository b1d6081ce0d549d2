import { type IncomingMessage, request as sendRequest } from 'node:http'
import { serveAt } from '../authorization/person.ts'

/** What happens to an answer that Signet has given. */
type Fate = Readonly<{ path: string; arrived: () => void; decided: Promise<'passed' | 'lost'> }>

const PASSED: Omit<Fate, 'path'> = { arrived: () => {}, decided: Promise.resolve('passed') }

/** A server before Signet, which passes everything on, and can hold an answer back or lose it, as a bad network does. */
export const openSlowFront = async (port: number, target_port: number) => {
  let next: Fate | null = null
  const fateOf = ({ method, url }: IncomingMessage): Omit<Fate, 'path'> => {
    const fate = next
    if (fate === null || method === 'OPTIONS' || url !== fate.path) return PASSED
    next = null
    return fate
  }
  const close = await serveAt(port, (asked, response) => {
    const { method, url, headers } = asked
    const passed = sendRequest({ host: '127.0.0.1', port: target_port, method, path: url, headers })
    passed.on('response', answer => {
      const { arrived, decided } = fateOf(asked)
      arrived()
      void decided.then(fate => {
        // Chromium itself sends a request again whose connection has ended without an answer.
        if (fate === 'lost') return response.writeHead(502).end()
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        return answer.pipe(response)
      })
    })
    passed.on('error', () => response.destroy())
    asked.pipe(passed)
  })
  /** Holds the next answer of the path, which Signet has given by the time that `arrived` resolves. */
  const hold = (path: string) => {
    let arrive = () => {}
    let release = () => {}
    const arrived = new Promise<void>(resolve => {
      arrive = resolve
    })
    const decided = new Promise<'passed'>(resolve => {
      release = () => resolve('passed')
    })
    next = { path, arrived: () => arrive(), decided }
    return { arrived, release: () => release() }
  }
  /** Answers in the place of the next answer of the path with what no page of another origin can read. */
  const lose = (path: string) => {
    next = { path, arrived: () => {}, decided: Promise.resolve('lost') }
  }
  return { hold, lose, close }
}
