import { describe, expect, it } from 'vitest'
import { type Column, type OutputForm, openRows } from '../../../src/cli/terminal/rows.ts'

type Row = Readonly<{ id: string; name: string; state: string }>

const COLUMNS: readonly Column<Row>[] = [
  { head: 'NAME', of: ({ name }) => name, isElastic: true },
  { head: 'STATE', of: ({ state }) => state, colour: ({ state }) => (state === 'ended' ? 'red' : null) },
  { head: 'ID', of: ({ id }) => id, isForPrograms: true },
]
const ROWS = [
  { id: '1', name: 'ada', state: 'living' },
  { id: '2', name: '漢字'.repeat(10), state: 'ended' },
]

const printed = (
  {
    form = {},
    columns,
    environment = {},
  }: { form?: OutputForm; columns?: number; environment?: Record<string, string> },
  rows: readonly (readonly Row[])[] = [ROWS],
) => {
  const lines: string[] = []
  const io = {
    environment,
    out: (line: string) => void lines.push(line),
    err: () => {},
    ...(columns === undefined ? {} : { display: { columns } }),
  }
  const print = openRows<Row>(io, { ...form, columns: COLUMNS, idOf: ({ id }) => id })
  for (const some of rows) print(some)
  return lines
}

describe('rows of a command', () => {
  it('are tab-separated with every column off a terminal, and ids or JSON where those are asked for', () => {
    expect(printed({})).toEqual(['NAME\tSTATE\tID', 'ada\tliving\t1', `${'漢字'.repeat(10)}\tended\t2`])
    expect(printed({ form: { quiet: true } })).toEqual(['1', '2'])
    expect(printed({ form: { json: true } }).map(line => JSON.parse(line) as Row)).toEqual(ROWS)
  })

  it('are cut in the elastic column on a narrow terminal, by the width of what is shown', () => {
    expect(printed({ columns: 24, environment: { NO_COLOR: '1' } })).toEqual([
      'NAME              STATE',
      'ada               living',
      `${'漢字'.repeat(3)}漢…   ended`,
    ])
  })

  it('stay as they are where no column can be narrower', () => {
    const [head = '', row = ''] = printed({ columns: 5, environment: { NO_COLOR: '1' } }, [ROWS.slice(0, 1)])
    expect([head, row]).toEqual(['NAME  STATE', 'ada   living'])
    expect(printed({ columns: 5, environment: { NO_COLOR: '1' } }).at(-1)).toBe('漢字漢…   ended')
  })

  it('have one head, however often rows are added', () => {
    const lines = printed({ columns: 80, environment: { NO_COLOR: '1' } }, [
      ROWS.slice(0, 1),
      [],
      ROWS.slice(1),
    ])
    expect(lines.map(line => line.split(/\s+/)[0])).toEqual(['NAME', 'ada', '漢字'.repeat(10)])
  })

  it.each([[{ NO_COLOR: '1' }], [{ TERM: 'dumb' }]])('have no colour with %j', environment => {
    expect(printed({ columns: 80, environment }).join('')).not.toContain('\u001b')
  })

  it('are coloured on a terminal otherwise, also where NO_COLOR is empty', () => {
    for (const environment of [{}, { NO_COLOR: '' }, { TERM: 'xterm' }])
      expect(printed({ columns: 80, environment }).at(-1)).toContain('\u001b[31mended\u001b[0m')
  })
})
