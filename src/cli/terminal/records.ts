/** A record of an input: its bytes, null for one above the limit, and the line on which it begins, from 1. */
export type RawRecord = Readonly<{ bytes: Buffer | null; line: number }>

/** What a byte means to a format: nothing, the first byte of a record, its last byte, or the end of a record that it is not part of. */
export type Mark = 'none' | 'begins' | 'ends' | 'ended_before'

/** Judges one byte after the other, and keeps what it has to know in its closure. */
export type Scanner = Readonly<{
  scan: (byte: number) => Mark
  /** False where the input ends before its form does: it was cut, and records may be missing. */
  isWhole: () => boolean
}>

type Splitting = Readonly<{
  createScanner: () => Scanner
  max_bytes: number
  /** Is given every byte, in order, before the record that it ends. */
  take: (bytes: Uint8Array) => void
}>

const LINE_FEED = 10

/**
 * The records of a stream of bytes. An input that was cut between two records ends with an empty one, which no format reads. Memory holds `max_bytes` of a record and one chunk, also where a record never ends.
 */
export async function* splitRecords(
  source: AsyncIterable<Uint8Array>,
  { createScanner, max_bytes, take }: Splitting,
): AsyncGenerator<RawRecord> {
  const { scan, isWhole } = createScanner()
  let line = 1
  let record: { parts: Buffer[]; length: number; line: number } | null = null
  const keep = (part: Buffer) => {
    if (record === null) return
    record.length += part.length
    if (record.length <= max_bytes) record.parts.push(part)
    else record.parts = []
  }
  const finish = (): RawRecord | null => {
    const ended = record
    record = null
    return ended && { bytes: ended.length > max_bytes ? null : Buffer.concat(ended.parts), line: ended.line }
  }
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    let taken = 0
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0
      const mark = scan(byte)
      if (byte === LINE_FEED) line += 1
      if (mark === 'none') continue
      if (mark === 'begins') {
        record = { parts: [], length: 0, line }
        start = at
        continue
      }
      const end = mark === 'ends' ? at + 1 : at
      keep(bytes.subarray(start, end))
      take(bytes.subarray(taken, at + 1))
      taken = at + 1
      const ended = finish()
      if (ended !== null) yield ended
    }
    if (record !== null) keep(bytes.subarray(start))
    take(bytes.subarray(taken))
  }
  const last = finish()
  if (last !== null) yield last
  else if (!isWhole()) yield { bytes: Buffer.alloc(0), line }
}

const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = Array.from('"\\{}[]', each =>
  each.charCodeAt(0),
)

/**
 * RFC 8259 – The objects of a list, or of the list that the member `member` of the outermost object has; where that is null, also objects
 * that follow each other.
 */
export const createJsonScanner = (member: string | null): Scanner => {
  const name = member === null ? null : `"${member}"`
  let depth = 0
  let isText = false
  let isEscaped = false
  let text = ''
  let isList = false
  let record_depth: number | null = null
  const openRecord = (): boolean => {
    if (record_depth !== null) return false
    const isFirst = depth === 1 && name === null
    const isListed = depth === 2 && isList
    const isOfMember = depth === 3 && isList
    if (!(isFirst || isListed || isOfMember)) return false
    record_depth = depth
    return true
  }
  const scan = (byte: number): Mark => {
    if (isText) {
      if (record_depth === null && text.length <= 40) text += String.fromCharCode(byte)
      if (isEscaped) isEscaped = false
      else if (byte === BACKSLASH) isEscaped = true
      else if (byte === QUOTE) isText = false
      return 'none'
    }
    switch (byte) {
      case QUOTE:
        isText = true
        text = '"'
        return 'none'
      case OPEN_LIST:
        depth += 1
        if (record_depth === null && (depth === 1 || (depth === 2 && text === name))) isList = true
        return 'none'
      case OPEN:
        depth += 1
        return openRecord() ? 'begins' : 'none'
      case CLOSE_LIST:
        depth -= 1
        if (record_depth === null && depth <= 1) isList = false
        return 'none'
      case CLOSE: {
        const isEnd = depth === record_depth
        depth -= 1
        if (isEnd) record_depth = null
        return isEnd ? 'ends' : 'none'
      }
      default:
        return 'none'
    }
  }
  return { scan, isWhole: () => depth === 0 && !isText }
}

const CARRIAGE_RETURN = 13
const COMMA = 44

type FieldState = 'start' | 'plain' | 'quoted' | 'closed'

/** A quote opens a field at its start alone: a quote within a name must not make one field of the rows that follow. */
const stateAfter = (state: FieldState, byte: number): FieldState => {
  if (state === 'quoted') return byte === QUOTE ? 'closed' : 'quoted'
  if (byte === COMMA) return 'start'
  return byte === QUOTE && state !== 'plain' ? 'quoted' : 'plain'
}

/** RFC 4180 – The rows of a file: a line feed within quotes belongs to its field. */
export const createCsvScanner = (): Scanner => {
  let state: FieldState = 'start'
  let isWithin = false
  const scan = (byte: number): Mark => {
    if (!isWithin) {
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN) return 'none'
      isWithin = true
      state = stateAfter('start', byte)
      return 'begins'
    }
    state = stateAfter(state, byte)
    if (byte !== LINE_FEED || state === 'quoted') return 'none'
    isWithin = false
    return 'ended_before'
  }
  // The row of a quote that is not closed goes up to the end, and is refused.
  return { scan, isWhole: () => true }
}

/** RFC 4180 §2 – The fields of a row. Null where a quote is not closed, or is within a field that does not begin with one. */
export const parseCsvRow = (row: string): readonly string[] | null => {
  const text = row.replace(/\r$/, '')
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y
  const fields: string[] = []
  for (;;) {
    const [, quoted, plain, end] = field.exec(text) ?? []
    if (end === undefined) return null
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
    if (end === '') return fields
  }
}
