import postgres, { type Sql, type TransactionSql } from 'postgres'
import type { Database } from '../../src/store/postgres/database.ts'
import { callerOf } from './database.ts'

type Rows = readonly Readonly<Record<string, unknown>>[]

/**
 * A database that carries nothing out, distributed or not: it notes the text of every statement that is asked of it, and every template from
 * which one was put together.
 */
export const createStatementRecorder = ({ isDistributed }: Readonly<{ isDistributed: boolean }>) => {
  // This client never connects, as no statement reaches it.
  const client = postgres({ fetch_types: false })
  const statements = new Set<string>()
  const recorded: Recorded[] = []
  const templates = new Set<TemplateStringsArray>()

  /** The answers to the statements of one caller, in order. Every further statement is answered with no rows. */
  const answering = (answers: readonly Rows[]): Database => {
    const left = [...answers]
    const send = (query: object): Promise<unknown> => {
      const rendered = render(query)
      if (!statements.has(rendered.text)) recorded.push(rendered)
      statements.add(rendered.text)
      const rows = (isLookUp(rendered) ? undefined : left.shift()) ?? []
      return Promise.resolve(Object.assign([...rows], { count: rows.length }))
    }
    const record = <S extends Sql | TransactionSql>(sql: S): S =>
      new Proxy(sql, {
        apply: (target, self, [first, ...values]: readonly unknown[]) => {
          const made: unknown = Reflect.apply(target, self, [first, ...values])
          if (!isTemplate(first) || !isObject(made)) return made
          templates.add(first)
          // The library sends a query when it is awaited, and not when it is a fragment of another one.
          return new Proxy(made, {
            get: (query, name) =>
              name === 'then'
                ? (...callbacks: Parameters<Promise<unknown>['then']>) => send(query).then(...callbacks)
                : Reflect.get(query, name),
          })
        },
        get: (target, name) => (name === 'begin' ? begin : Reflect.get(target, name)),
      })
    const begin = async (...parts: readonly unknown[]) => {
      const work = parts.at(-1)
      if (typeof work !== 'function') throw new TypeError('a transaction is a function')
      return Reflect.apply(work, undefined, [record(client)])
    }
    const run: Database['run'] = async query =>
      query(record(client), callerOf(record(client), 4, isDistributed))
    return {
      run,
      load: () => ({
        connections: 1,
        statements: 0,
        isLost: false,
        isAnswering: true,
        timeline: null,
        isFormerPrimarySeen: false,
      }),
      isDistributed: () => isDistributed,
      ping: async () => {},
      ensure: async () => {},
      close: async () => {},
    }
  }

  return { answering, statements, recorded, templates }
}

/** The look-up of a person comes before the statement about the person, which the caller has an answer for. */
const isLookUp = ({ text }: Recorded): boolean =>
  /^\s*select user_id\s+from signet\.account_names\b/.test(text)

const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A statement: its text, its template with an `x` in place of each value, and its parameters. */
export type Recorded = Readonly<{ text: string; template: string; parameters: readonly unknown[] }>

/** The text as the library would send it, from its own queries, identifiers and parameters. */
const render = (query: object): Recorded => {
  const parameters: unknown[] = []
  const renderPart = (part: object): string => {
    const args: unknown = Reflect.get(part, 'args')
    if (!Array.isArray(args)) throw new TypeError('this is no query')
    const strings = stringsOf(part)
    return strings
      .map((text, index) => text + (index < strings.length - 1 ? valueOf(args[index]) : ''))
      .join('')
  }
  const valueOf = (value: unknown): string => {
    if (isObject(value) && 'strings' in value) return renderPart(value)
    // The identifier that the library makes of `sql(name)`.
    if (isObject(value) && value.constructor.name === 'Identifier') return String(Reflect.get(value, 'value'))
    parameters.push(value)
    return `$${parameters.length}`
  }
  const text = renderPart(query)
  return { text, template: stringsOf(query).join('x'), parameters }
}

const stringsOf = (query: object): readonly string[] => {
  const strings: unknown = Reflect.get(query, 'strings')
  if (!Array.isArray(strings)) throw new TypeError('this is no query')
  return strings.map(String)
}

/** An SQL template in a source file. `text` has an `x` in place of each value. */
export type SourceTemplate = Readonly<{
  path: string
  head: string
  text: string
  /** The innermost function or member that has it. */
  owner: string
}>

/** Every SQL template of a source file, nested ones too. */
export const templatesIn = (path: string, source: string): readonly SourceTemplate[] =>
  [...source.matchAll(/(?<![.\w`])sql(?:<[^`]*?>)?\s*`/g)].map(({ 0: { length }, index }) => {
    const parts = readTemplate(source, index + length)
    return { path, head: parts[0] ?? '', text: parts.join('x'), owner: ownerOf(source.slice(0, index)) }
  })

/** A line that begins a function or a member. A constant that awaits a result is none. */
const OWNER =
  /^ *(?:export )?(?:const )?(?!return\b|await\b|async\b|const\b)(\w+)(?: = (?!await\b)|: (?!\w+,?$)|:? ?=?$)/

/** The name of the innermost function or member that goes on at the end of a source. */
const ownerOf = (source: string): string => {
  let indent = Number.POSITIVE_INFINITY
  for (const line of source.split('\n').toReversed()) {
    const own = line.length - line.trimStart().length
    if (line.trim() === '' || own >= indent) continue
    // The end of a list of parameters has the indent of its beginning.
    indent = line.trimStart().startsWith(')') ? own + 1 : own
    const name = OWNER.exec(line)?.[1]
    if (name !== undefined) return name
  }
  return ''
}

/** The constant parts of the template that begins here. */
const readTemplate = (source: string, start: number): readonly string[] => {
  const parts = ['']
  let at = start
  for (; source[at] !== '`'; at += 1) {
    if (source.startsWith('${', at)) {
      at = endOfValue(source, at + 2)
      parts.push('')
    } else parts.push(`${parts.pop() ?? ''}${source[at] ?? ''}`)
  }
  return parts
}

/** The position of the closing brace of a value, which may hold objects and nested templates. */
const endOfValue = (source: string, start: number): number => {
  let depth = 0
  for (let at = start; at < source.length; at += 1) {
    if (source[at] === '`') at = endOfTemplate(source, at + 1)
    else if (source[at] === '{') depth += 1
    else if (source[at] === '}' && depth-- === 0) return at
  }
  throw new Error('a value without an end')
}

const endOfTemplate = (source: string, start: number): number => {
  let at = start
  for (; source[at] !== '`'; at += 1) if (source.startsWith('${', at)) at = endOfValue(source, at + 2)
  return at
}
