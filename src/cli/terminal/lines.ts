/** A line of an input: its bytes without the line feed; null for a line above the limit. */
export type Line = Readonly<{ bytes: Buffer | null }>

const LINE_FEED = 10

/**
 * The lines of a stream of bytes. Memory holds `max_bytes` of a line and one chunk, also where a line never ends. Every byte is handed
 * to `take`, in order, before its line.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  { max_bytes, take }: { max_bytes: number; take: (bytes: Uint8Array) => void },
): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let length = 0
  const keep = (part: Buffer) => {
    take(part)
    length += part.length
    if (length <= max_bytes) parts.push(part)
    else parts = []
  }
  const end = (): Line => {
    const bytes = length > max_bytes ? null : Buffer.concat(parts)
    parts = []
    length = 0
    return { bytes }
  }
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, start)) {
      keep(bytes.subarray(start, at))
      take(bytes.subarray(at, at + 1))
      yield end()
      start = at + 1
    }
    keep(bytes.subarray(start))
  }
  if (length > 0) yield end()
}
