import type { Call } from '../server/route.ts'

/** `query`: the filters that an address names. `search`: the same for the API, with the place in the list. */
type ListQuery = Readonly<{ query: Readonly<Record<string, string>>; search: string }>

/** The filters of a list, of those that it has. */
export const listQueryOf = (call: Call, names: readonly string[]): ListQuery => {
  const valueOf = (name: string) => (call.context.req.query(name) ?? '').trim()
  const pairs = names.map(name => [name, valueOf(name)] as const)
  const query = Object.fromEntries(pairs.filter(([, value]) => value !== ''))
  const after = valueOf('after')
  const all = new URLSearchParams({ ...query, ...(after === '' ? {} : { after }) }).toString()
  return { query, search: all === '' ? '' : `?${all}` }
}
