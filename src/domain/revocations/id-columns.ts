const ID_BYTES = 16
const ID_WORDS = 4
const FIRST_CAPACITY = 1024

/** `hex`: the 16 bytes of the id. `expires_at`: seconds since 1970. */
type Row = Readonly<{ hex: string; number: number; expires_at: number }>

/** Ours – A table of numbered ids, stored by column in typed arrays that double when they are full: 28 bytes a row, named by its index. */
export const createIdColumns = () => {
  let capacity = FIRST_CAPACITY
  let words = new Uint32Array(capacity * ID_WORDS)
  let bytes = Buffer.from(words.buffer)
  let numbers = new Float64Array(capacity)
  let expiries = new Uint32Array(capacity)
  let size = 0

  const grow = () => {
    capacity *= 2
    words = copied(words, new Uint32Array(capacity * ID_WORDS))
    bytes = Buffer.from(words.buffer)
    numbers = copied(numbers, new Float64Array(capacity))
    expiries = copied(expiries, new Uint32Array(capacity))
  }

  const move = (from: number, to: number) => {
    words.copyWithin(to * ID_WORDS, from * ID_WORDS, (from + 1) * ID_WORDS)
    numbers[to] = numbers[from] ?? 0
    expiries[to] = expiries[from] ?? 0
  }

  return {
    size: () => size,
    add: ({ hex, number, expires_at }: Row): void => {
      if (size === capacity) grow()
      bytes.write(hex, size * ID_BYTES, 'hex')
      numbers[size] = number
      expiries[size] = expires_at
      size += 1
    },
    numberAt: (row: number): number => numbers[row] ?? 0,
    expiryAt: (row: number): number => expiries[row] ?? 0,
    /** The last two bytes of the id. */
    lastBytesAt: (row: number): number => bytes.readUInt16BE(row * ID_BYTES + 14),
    /** A loop of its own, without a call for each row, because every answer with news needs it. */
    rowsAfter: (number: number): readonly number[] => {
      const after: number[] = []
      for (let row = 0; row < size; row += 1) if ((numbers[row] ?? 0) > number) after.push(row)
      return after
    },
    rowsWhere: (isWanted: (row: number) => boolean): readonly number[] => {
      const wanted: number[] = []
      for (let row = 0; row < size; row += 1) if (isWanted(row)) wanted.push(row)
      return wanted
    },
    /** The ids of these rows, one after another. Copied by words: copying bytes would block the event loop for too long. */
    idsOf: (rows: readonly number[]): Buffer => {
      const copy = new Uint32Array(rows.length * ID_WORDS)
      for (let place = 0; place < rows.length; place += 1) {
        const from = (rows[place] ?? 0) * ID_WORDS
        for (let word = 0; word < ID_WORDS; word += 1) copy[place * ID_WORDS + word] = words[from + word] ?? 0
      }
      return Buffer.from(copy.buffer)
    },
    /** Drops every expired row and keeps the others in their order. `now` in seconds. */
    sweep: (now: number): void => {
      let kept = 0
      for (let row = 0; row < size; row += 1) {
        if ((expiries[row] ?? 0) <= now) continue
        move(row, kept)
        kept += 1
      }
      size = kept
    },
  }
}

export type IdColumns = ReturnType<typeof createIdColumns>

const copied = <A extends Float64Array | Uint32Array>(from: A, to: A): A => {
  to.set(from)
  return to
}
