import { type IncomingMessage, request as sendRequest } from 'node:http'
import { serveAt } from '../authorization/person.ts'
import { freePort } from '../services/services.ts'

type Held = Readonly<{ path: string; arrived: () => void; released: Promise<void> }>

/** A server before Signet, which passes everything on and can hold an answer back, as a slow network does. */
export const openSlowFront = async (target_port: number) => {
  const port = await freePort()
  let held: Held | null = null
  const waitFor = async ({ method, url }: IncomingMessage): Promise<void> => {
    const waiting = held
    if (waiting === null || method === 'OPTIONS' || url !== waiting.path) return
    held = null
    waiting.arrived()
    await waiting.released
  }
  const close = await serveAt(port, (asked, response) => {
    const { method, url, headers } = asked
    const passed = sendRequest({ host: '127.0.0.1', port: target_port, method, path: url, headers })
    passed.on('response', answer => {
      const pass = () => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(response)
      }
      void waitFor(asked).then(pass)
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
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    held = { path, arrived: () => arrive(), released }
    return { arrived, release: () => release() }
  }
  return { origin: `http://localhost:${port}`, hold, close }
}
