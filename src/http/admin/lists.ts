import { z } from 'zod'
import { fieldInvalid } from '../../domain/refusals/problem.ts'
import { json, NO_STORE, type Reply } from '../server/route.ts'

const LIMIT_STANDARD = 50
const LIMIT_MOST = 200

/** The parameters of every list. */
export const LIST_PARAMETERS = {
  after: z.string().max(2_000, 'must be the cursor of this list').optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, `must be from 1 to ${LIMIT_MOST}`)
    .transform(Number)
    .refine(limit => limit <= LIMIT_MOST, `must be from 1 to ${LIMIT_MOST}`)
    .default(LIMIT_STANDARD),
}

type Listing<Item> = Readonly<{
  /** The list with its filter: a cursor of another one is refused. */
  name: string
  after: string | undefined
  limit: number
  keyOf: (item: Item) => string
  /** False for a text that no item can have as its key. */
  isKey: (key: string) => boolean
  read: (page: Readonly<{ after: string | null; limit: number }>) => Promise<readonly Item[]>
  present: (item: Item) => unknown
}>

/** Ours – A page of a list: the items after the cursor, and the cursor of the next page, null at the end. Nothing is counted or skipped. */
export const listReply = async <Item>({
  name,
  after,
  limit,
  keyOf,
  isKey,
  read,
  present,
}: Listing<Item>): Promise<Reply> => {
  const key = after === undefined ? null : keyIn(after, name)
  if (key !== null && !isKey(key)) throw foreignCursor()
  // One more than asked for says whether a page follows.
  const found = await read({ after: key, limit: limit + 1 })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  const next = last === undefined || found.length <= limit ? null : cursorAt(keyOf(last), name)
  return json(200, { items: items.map(present), next }, NO_STORE)
}

/** The position is no secret, and a forged one shows nothing that the list would not show. */
const cursorAt = (key: string, name: string): string =>
  Buffer.from(JSON.stringify([name, key])).toString('base64url')

const keyIn = (cursor: string, name: string): string => {
  const parsed = CURSOR.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString('utf8')))
  if (!parsed.success || parsed.data[0] !== name) throw foreignCursor()
  return parsed.data[1]
}

const CURSOR = z.tuple([z.string(), z.string().max(1_100)])

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const foreignCursor = () => fieldInvalid({ pointer: '#/after', detail: 'must be the cursor of this list' })
