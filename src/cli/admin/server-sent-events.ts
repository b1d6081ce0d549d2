import { readLines } from '../terminal/lines.ts'

/** Bytes of a line, at most: an event has some hundred. */
const LINE_MOST_BYTES = 1024 * 1024

export type ServerSentEvent = Readonly<{
  /** The last id of the stream so far. Null: it had none. */
  id: string | null
  data: string
}>

type Reading = Readonly<{
  /** Is called at each piece of the stream, also at its comments. */
  heard: () => void
  /** Is given the reconnection time that the server asks for, in milliseconds. */
  retry: (milliseconds: number) => void
  /** Is given an id that came without an event: how far the stream has been read. */
  passed: (id: string) => void
}>

/** HTML Standard §9.2.6 – The events of a stream. What the end of the stream cut off is dropped. */
export async function* readServerSentEvents(
  source: AsyncIterable<Uint8Array>,
  { heard, retry, passed }: Reading,
): AsyncGenerator<ServerSentEvent> {
  let id: string | null = null
  let data: string[] = []
  for await (const { bytes } of readLines(source, { max_bytes: LINE_MOST_BYTES, take: heard })) {
    if (bytes === null) throw new Error('a line of the stream is too long')
    const line = bytes.toString('utf8').replace(/\r$/, '')
    if (line === '') {
      if (data.length > 0) yield { id, data: data.join('\n') }
      else if (id !== null) passed(id)
      data = []
      continue
    }
    const { name, value } = fieldOf(line)
    if (name === 'data') data.push(value)
    if (name === 'id' && !value.includes('\0')) id = value
    if (name === 'retry' && /^\d{1,6}$/.test(value)) retry(Number(value))
  }
}

/** A comment has the empty name. */
const fieldOf = (line: string): Readonly<{ name: string; value: string }> => {
  const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
  return { name, value }
}
