import { InvalidArgumentError } from 'commander'
import type { z } from 'zod'
import { pageOf } from './admin-answers.ts'
import type { Administration, AdminQuery } from './with-administration.ts'

/** Items of one page that the server gives, at most. */
const PAGE_MOST = 200
/** Items that one command prints, at most: the whole past is an export. */
const ITEMS_MOST = 10_000

/** The first items of a list, and whether others follow. */
export const readPages = async <T extends z.ZodType>(
  { get }: Administration,
  { path, query, item, most }: Readonly<{ path: string; query: AdminQuery; item: T; most: number }>,
): Promise<Readonly<{ items: readonly z.output<T>[]; isMore: boolean }>> => {
  const items: z.output<T>[] = []
  let after: string | null = null
  do {
    const limit = String(Math.min(PAGE_MOST, most - items.length))
    const page: z.output<ReturnType<typeof pageOf<T>>> = await get(path, pageOf(item), {
      ...query,
      limit,
      after: after ?? undefined,
    })
    items.push(...page.items)
    after = page.next
  } while (after !== null && items.length < most)
  return { items, isMore: after !== null }
}

/** Parses `--limit`. */
export const parseLimit = (text: string): number => {
  const limit = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > ITEMS_MOST)
    throw new InvalidArgumentError(`must be a whole number from 1 to ${ITEMS_MOST}`)
  return limit
}
