import type { Sql } from 'postgres'
import { digestOf } from '../../src/domain/base/digest.ts'
import { createPepper } from '../../src/domain/base/pepper.ts'
import {
  type Position,
  type RefreshTokenDigest,
  refreshTokenAt,
} from '../../src/domain/sign-in/refresh-token.ts'

export const PEPPER = Buffer.alloc(32, 'pepper')
const pepper = createPepper(PEPPER)

/** The client that every family here belongs to. */
export const CLIENT_ID = 'bench'

/** Families whose current token can be presented, spread evenly over the table. The digest of all others is zeros. */
const PRESENTABLE = 20_000
const SALT = Buffer.alloc(16, 'salt')
export const ZERO_DIGEST = Buffer.alloc(32) as Uint8Array as RefreshTokenDigest
export const PEPPER_ID = pepper.id

/** A UUID in the form of version 7 that sorts by its number. */
export const familyId = (number: number): string =>
  `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`

/** The SQL expression for `familyId`. */
export const FAMILY_ID_SQL = (number: string) =>
  `('01900000-0000-7000-8000-' || lpad((${number})::text, 12, '0'))::uuid`

export const positionOf = (number: number, generation: number): Position => ({
  family_id: familyId(number),
  user_id: null,
  salt: SALT,
  generation,
})

const tokenOf = (number: number) => refreshTokenAt(positionOf(number, 0), pepper)

/** Fills an empty, migrated database. Returns the tokens that can be presented. */
export const fillFamilies = async (sql: Sql, families: number): Promise<string[]> => {
  await insertFamilies(sql, families)
  const numbers = presentable(families)
  await sql`
    update refresh_families f
    set token_digest = decode(given.digest, 'hex')
    from unnest(${numbers.map(familyId)}::uuid[], ${numbers.map(digestHex)}::text[]) given (id, digest)
    where f.id = given.id`
  await settle(sql)
  return numbers.map(tokenOf)
}

/** The id of the person who has the family. */
export const ownerOf = (number: number): string => familyId(Math.floor(number / 4))

/** Families whose digests are zeros, four of each person, also in a distributed database. */
export const insertFamilies = async (sql: Sql, families: number): Promise<void> => {
  await sql`
    insert into users (id, email, roles)
    select ${sql.unsafe(FAMILY_ID_SQL('n'))}, n || '@bench.example', '{user}'
    from generate_series(0, ${families / 4 - 1}::int) n`
  await sql`
    insert into refresh_families (
      id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
      idle_expires_at, expires_at, last_ip, last_user_agent
    )
    select
      ${sql.unsafe(FAMILY_ID_SQL('n'))}, ${sql.unsafe(FAMILY_ID_SQL('n / 4'))}, 0, ${CLIENT_ID}, 'read write',
      '{https://api.bench.example}', now(), '{pwd}', ${SALT}, ${PEPPER_ID}, ${ZERO_DIGEST},
      now() + interval '7 days', now() + interval '30 days', '127.0.0.1', 'bench'
    from generate_series(0, ${families - 1}::int) n`
}

export const settle = async (sql: Sql): Promise<void> => {
  await sql`vacuum analyze refresh_families`
  await sql`vacuum analyze users`
  await sql`checkpoint`
}

const digestHex = (number: number) => Buffer.from(digestOf(tokenOf(number))).toString('hex')

const presentable = (families: number): readonly number[] => {
  const count = Math.min(PRESENTABLE, families / 2)
  // Even numbers; the odd ones are left to the rotations that present zeros.
  const stride = Math.floor(families / count / 2) * 2
  return Array.from({ length: count }, (_, index) => index * stride)
}
