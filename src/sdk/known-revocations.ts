import type { FeedAnswer, Named } from './feed-answer.ts'
import { createIdSet, SHARES } from './id-set.ts'
import type { RevocationQuery } from './revocation-source.ts'

/** Shares that are swept with each answer: all of them within some minutes. */
const SWEPT_AT_ONCE = 4

/** What a follower has heard. Entries are only ever added: nothing un-revokes a token, and each expires by itself. */
export const createKnownRevocations = (most: number) => {
  const ids = createIdSet()
  const named = new Map<string, Map<string, Named>>()
  let named_count = 0

  const remember = (entry: Named) => {
    const sameKind = named.get(entry.kind) ?? new Map<string, Named>()
    named.set(entry.kind, sameKind)
    const known = sameKind.get(entry.value)
    if (known === undefined) named_count += 1
    sameKind.set(entry.value, known === undefined ? entry : latest(known, entry))
  }

  const sweep = (now: number, shares: number) => {
    ids.sweep(now, shares)
    for (const sameKind of named.values())
      for (const [value, { expires_at }] of sameKind)
        if (expires_at <= now && sameKind.delete(value)) named_count -= 1
  }

  const isNamed = (kind: string, value: string | undefined, iat: number): boolean => {
    const entry = value === undefined ? undefined : named.get(kind)?.get(value)
    return entry !== undefined && (entry.issued_until === null || iat <= entry.issued_until)
  }

  return {
    size: () => ids.size() + named_count,
    /** Throws, and adds nothing, when there would be more entries than the service has set aside memory for. */
    add: (answer: FeedAnswer, now: number) => {
      sweep(now, SWEPT_AT_ONCE)
      if (ids.size() + named_count + answer.count > most) sweep(now, SHARES)
      if (ids.size() + named_count + answer.count > most) throw new Error(`more than ${most} revocations`)
      for (const { encoded, expires_at } of answer.ids) ids.addAll(encoded, expires_at)
      for (const entry of answer.named) remember(entry)
    },
    isRevoked: ({ jti, sid, sub, client_id, iat }: RevocationQuery): boolean => {
      if (ids.has(jti) || (sid !== undefined && ids.has(sid))) return true
      if (named_count === 0) return false
      return (
        isNamed('sub', sub, iat) ||
        isNamed('client_id', client_id, iat) ||
        isNamed('jti', jti, iat) ||
        isNamed('sid', sid, iat)
      )
    },
  }
}

/** What ends more, for longer. */
const latest = (one: Named, other: Named): Named => ({
  ...one,
  expires_at: Math.max(one.expires_at, other.expires_at),
  issued_until:
    one.issued_until === null || other.issued_until === null
      ? null
      : Math.max(one.issued_until, other.issued_until),
})
