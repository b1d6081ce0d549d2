/** Tokens that were verified, by their text. Says nothing about their expiry, their key or their revocation. */
export type TokenCache<V> = Readonly<{
  find(token: string): V | undefined
  add(token: string, value: V): void
}>

type Entry<V> = Readonly<{ token: string; value: V }>

/**
 * Ours – Two generations of at most half the size each: when the younger is full it becomes the older, and what was not used
 * since is forgotten. Found by the end of the signature, because hashing a kilobyte for each request would cost more than
 * everything else; believed only when every character is equal.
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

/** A number from the last characters of the signature. Two tokens that share one displace each other, and nothing worse. */
const tailOf = (token: string): number => {
  let tail = 0
  for (let index = token.length - 12; index < token.length; index += 1)
    tail = (Math.imul(tail, 31) + token.charCodeAt(index)) | 0
  return tail
}
