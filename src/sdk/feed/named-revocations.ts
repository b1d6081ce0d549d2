import type { RevocationQuery } from '../verify/revocation-source.ts'
import type { Named } from './feed-answer.ts'

/** The revocations that the feed gives by name: of persons and clients, and of a `jti` or `sid` that is no UUID. */
export const createNamedRevocations = () => {
  const byKind = new Map<string, Map<string, Named>>()
  let size = 0

  const covers = (kind: string, value: string | undefined, iat: number): boolean => {
    const entry = value === undefined ? undefined : byKind.get(kind)?.get(value)
    return entry !== undefined && (entry.issued_until === null || iat <= entry.issued_until)
  }

  return {
    size: () => size,
    add: (entry: Named): void => {
      const byValue = byKind.get(entry.kind) ?? new Map<string, Named>()
      byKind.set(entry.kind, byValue)
      const known = byValue.get(entry.value)
      if (known === undefined) size += 1
      byValue.set(entry.value, known === undefined ? entry : union(known, entry))
    },
    has: ({ jti, sid, sub, client_id, iat }: RevocationQuery): boolean =>
      size > 0 &&
      (covers('sub', sub, iat) ||
        covers('client_id', client_id, iat) ||
        covers('jti', jti, iat) ||
        covers('sid', sid, iat)),
    /** Drops expired entries. `now` in seconds. */
    sweep: (now: number): void => {
      for (const byValue of byKind.values())
        for (const [value, { expires_at }] of byValue)
          if (expires_at <= now && byValue.delete(value)) size -= 1
    },
  }
}

/** An entry that revokes every token that either of the two revokes. */
const union = (one: Named, other: Named): Named => ({
  ...one,
  expires_at: Math.max(one.expires_at, other.expires_at),
  issued_until:
    one.issued_until === null || other.issued_until === null
      ? null
      : Math.max(one.issued_until, other.issued_until),
})
