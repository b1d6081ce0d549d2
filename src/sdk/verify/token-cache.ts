/** Verified tokens, by their text. The caller still checks their expiry, their key and their revocation. */
export type TokenCache<V> = Readonly<{
  find(token: string): V | undefined
  add(token: string, value: V): void
}>

type Entry<V> = Readonly<{ token: string; value: V }>

/**
 * Ours – An approximate LRU of two generations, each of half the size at most: when the younger one is full it becomes the older one,
 * and entries that were not used since are dropped. The key is a hash of the signature's end, because hashing a kilobyte for each
 * request would cost more than everything else. The whole token is compared before an entry is used.
 */
export const createTokenCache = <V>(size: number): TokenCache<V> => {
  const half = Math.ceil(size / 2)
  let young = new Map<number, Entry<V>>()
  let old: typeof young = new Map()

  const put = (tail: number, entry: Entry<V>) => {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(tail, entry)
  }

  return {
    find: token => {
      const tail = tailOf(token)
      const recent = young.get(tail)
      if (recent !== undefined) return recent.token === token ? recent.value : undefined
      const entry = old.get(tail)
      if (entry?.token !== token) return undefined
      put(tail, entry)
      return entry.value
    },
    add: (token, value) => {
      if (size > 0) put(tailOf(token), { token, value })
    },
  }
}

/** A hash of the last characters of the signature. Two tokens with the same hash only displace each other. */
const tailOf = (token: string): number => {
  let tail = 0
  for (let index = token.length - 12; index < token.length; index += 1)
    tail = (Math.imul(tail, 31) + token.charCodeAt(index)) | 0
  return tail
}
