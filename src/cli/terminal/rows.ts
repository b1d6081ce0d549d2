import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { cutToWidth, padToWidth, widthOf } from './text-width.ts'

const COLOURS = { red: 31, green: 32, yellow: 33 } as const
export type Colour = keyof typeof COLOURS

export type Column<Row> = Readonly<{
  head: string
  of: (row: Row) => string
  /** Characters that the column has at least on a terminal, for rows that are printed one after the other. */
  least?: number
  /** May be cut where the terminal is too narrow. */
  isElastic?: true
  /** Printed off a terminal alone. */
  isForPrograms?: true
  colour?: (row: Row) => Colour | null
}>

/** What a command was asked to print: JSON, a line each; or ids alone. */
export type OutputForm = Readonly<{ json?: boolean; quiet?: boolean }>

type Printing<Row> = OutputForm & Readonly<{ columns: readonly Column<Row>[]; idOf: (row: Row) => string }>

/**
 * Prints rows: an aligned table on a terminal, and tab-separated values behind a line of names elsewhere. Rows may come later, too.
 * No control or format character of a row reaches the terminal.
 */
export const openRows = <Row extends object>(
  io: Io,
  printing: Printing<Row>,
): ((rows: readonly Row[]) => void) => {
  const { json = false, quiet = false, columns, idOf } = printing
  if (json) return rows => rows.forEach(row => io.out(safeJson(row)))
  if (quiet) return rows => rows.forEach(row => io.out(printable(idOf(row))))
  return io.display === undefined ? openValues(io, columns) : openTable(io, columns)
}

/** Escapes what a terminal could interpret. JSON has such characters within strings alone. */
export const safeJson = (value: object): string =>
  JSON.stringify(value).replace(/[\p{Cc}\p{Cf}]/gu, character =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  )

const openValues = <Row>(io: Io, columns: readonly Column<Row>[]) => {
  io.out(columns.map(({ head }) => head).join('\t'))
  return (rows: readonly Row[]) => {
    for (const row of rows) io.out(columns.map(({ of }) => printable(of(row))).join('\t'))
  }
}

const GAP = 2
const ELASTIC_LEAST = 8

const openTable = <Row>(io: Io, all: readonly Column<Row>[]) => {
  const columns = all.filter(({ isForPrograms = false }) => !isForPrograms)
  let widths = columns.map(({ head, least = 0 }) => Math.max(head.length, least))
  let isHeaded = false
  const paint = painterOf(io)
  const line = (cells: readonly string[], colours: readonly (Colour | null)[]) => {
    const fitting = shrink(widths, columns, io.display?.columns ?? 80)
    const shown = cells.map((cell, index) => {
      const width = fitting[index] ?? 0
      const cut = columns[index]?.isElastic ? cutToWidth(cell, width) : cell
      return paint(index === cells.length - 1 ? cut : padToWidth(cut, width), colours[index] ?? null)
    })
    io.out(shown.join(' '.repeat(GAP)).trimEnd())
  }
  return (rows: readonly Row[]) => {
    const cells = rows.map(row => columns.map(({ of }) => printable(of(row))))
    widths = widths.map((width, index) => Math.max(width, ...cells.map(row => widthOf(row[index] ?? ''))))
    if (!isHeaded)
      line(
        columns.map(({ head }) => head),
        [],
      )
    isHeaded = true
    rows.forEach((row, index) =>
      line(
        cells[index] ?? [],
        columns.map(({ colour }) => colour?.(row) ?? null),
      ),
    )
  }
}

/** Narrows the widest elastic columns until the line fits, or all are as narrow as they may be. */
const shrink = (
  widths: readonly number[],
  columns: readonly Column<never>[],
  most: number,
): readonly number[] => {
  const narrowed = [...widths]
  const total = () => narrowed.reduce((sum, width) => sum + width + GAP, -GAP)
  while (total() > most) {
    const widest = columns.reduce(
      (best, { isElastic = false }, index) =>
        isElastic && (narrowed[index] ?? 0) > Math.max(ELASTIC_LEAST, narrowed[best] ?? 0) ? index : best,
      -1,
    )
    if (widest < 0) break
    narrowed[widest] = (narrowed[widest] ?? 0) - 1
  }
  return narrowed
}

/** https://no-color.org – No colour where NO_COLOR is set, and none off a terminal. */
const painterOf = ({ environment, display }: Io) => {
  const isPlain =
    display === undefined || (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb'
  return (text: string, colour: Colour | null): string =>
    isPlain || colour === null ? text : `\u001b[${COLOURS[colour]}m${text}\u001b[0m`
}
