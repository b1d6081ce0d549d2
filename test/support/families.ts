import { randomBytes } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import type { PasswordDigest } from '../../src/domain/account/password-digest.ts'
import { digestOf } from '../../src/domain/base/digest.ts'
import { createPepper } from '../../src/domain/base/pepper.ts'
import type { Presentation } from '../../src/domain/sign-in/refresh-family.ts'
import { type RefreshToken, refreshTokenAt } from '../../src/domain/sign-in/refresh-token.ts'
import { createAccounts } from '../../src/store/accounts/accounts.ts'
import { createRefreshFamilies } from '../../src/store/families/refresh-families.ts'
import { API, OTHER_API } from './clients.ts'
import type { Deployment } from './deployment.ts'

/** The default lifetimes of a server. */
export const LIFETIMES = { idle_seconds: 604_800, max_seconds: 2_592_000, access_token_seconds: 900 }

export type Seed = Readonly<{
  client_id?: string
  scope?: string
  audience?: readonly string[]
  user_id?: string
  /** base64url. Default: the deployment's pepper. */
  pepper?: string
  /** Of its tokens. Default 1. */
  token_version?: 1 | 2
}>

/** A family of generation 0, and a function that computes its token of any generation. */
export type SeededFamily = Readonly<{
  id: string
  user_id: string
  /** The person whom its tokens name; null in version 1. */
  owner: string | null
  salt: Uint8Array
  refresh_token: RefreshToken
  tokenAt: (
    generation: number,
    other?: { salt?: Uint8Array; pepper?: string; owner?: string | null },
  ) => RefreshToken
}>

export const pepperOf = (text: string) => createPepper(Buffer.from(text, 'base64url'))

/** The part of a deployment that a family is seeded into. */
export type Ground = Pick<Deployment, 'database' | 'pepper'>

export const createUser = async ({ database }: Ground): Promise<string> => {
  const id = uuidv7()
  const password_digest = `$2b$10$${'.'.repeat(53)}` as PasswordDigest
  await createAccounts(database, LIFETIMES).create({
    id,
    email: `${id}@example.com`,
    password_digest,
    roles: ['user'],
    language: 'en',
  })
  return id
}

/** Opens a family straight in the store, by the verb that a sign-in uses. Needs no password and no request. */
export const seedFamily = async (deployment: Ground, seed: Seed = {}): Promise<SeededFamily> => {
  const user_id = seed.user_id ?? (await createUser(deployment))
  const id = uuidv7()
  const salt = randomBytes(16)
  const pepper = pepperOf(seed.pepper ?? deployment.pepper)
  const owner = seed.token_version === 2 ? user_id : null
  const tokenAt: SeededFamily['tokenAt'] = (generation, other = {}) =>
    refreshTokenAt(
      {
        family_id: id,
        user_id: other.owner === undefined ? owner : other.owner,
        salt: other.salt ?? salt,
        generation,
      },
      other.pepper === undefined ? pepper : pepperOf(other.pepper),
    )
  const family = await createRefreshFamilies(deployment.database, LIFETIMES).open({
    id,
    user_id,
    credential_epoch: 0,
    client_id: seed.client_id ?? 'app',
    scope: seed.scope ?? 'read write',
    audience: seed.audience ?? [API, OTHER_API],
    amr: ['pwd'],
    refresh_transport: 'body',
    sender_key: null,
    claims: null,
    salt,
    pepper_id: pepper.id,
    token_digest: digestOf(tokenAt(0)),
    source: { ip: '127.0.0.1', user_agent: null },
  })
  if (family === null) throw new Error('the family was not opened')
  return { id, user_id, owner, salt, refresh_token: tokenAt(0), tokenAt }
}

/** A valid presentation of the token of this generation. */
export const presentation = (
  { id, owner, salt, tokenAt }: SeededFamily,
  generation: number,
  more: Partial<Presentation> = {},
): Presentation => ({
  family_id: id,
  user_id: owner,
  salt,
  generation,
  digest: digestOf(tokenAt(generation)),
  client_id: 'app',
  refresh_transport: 'body',
  sender_key: null,
  scope: null,
  resources: [],
  retry_proof: null,
  grace_seconds: 0,
  successor: { pepper_id: 0, digest: digestOf(tokenAt(generation + 1)) },
  source: { ip: '127.0.0.1', user_agent: 'test', request_id: 'test' },
  ...more,
})

/** Ages a family: moves every time of its row into the past. Citus refuses to calculate times of a column in an update. */
export const ageFamily = ({ sql }: Deployment['database'], id: string, seconds: number) => sql`
  with aged as materialized (
    select
      user_id, id,
      created_at - make_interval(secs => ${seconds}) as created_at,
      auth_time - make_interval(secs => ${seconds}) as auth_time,
      rotated_at - make_interval(secs => ${seconds}) as rotated_at,
      (
        select array_agg(at - make_interval(secs => ${seconds}) order by place)
        from unnest(rotation_times) with ordinality as known (at, place)
      ) as rotation_times,
      idle_expires_at - make_interval(secs => ${seconds}) as idle_expires_at,
      expires_at - make_interval(secs => ${seconds}) as expires_at
    from refresh_families
    where id = ${id}
  )
  update refresh_families f
  set created_at = aged.created_at,
    auth_time = aged.auth_time,
    rotated_at = aged.rotated_at,
    rotation_times = aged.rotation_times,
    idle_expires_at = aged.idle_expires_at,
    expires_at = aged.expires_at
  from aged
  where f.user_id = aged.user_id and f.id = aged.id`

/** The row of a family. */
export const rowOf = async ({ database }: Ground, id: string) => {
  const [row] = await database.sql<
    {
      generation: number
      revoked_at: Date | null
      revoke_reason: string | null
      idle_expires_at: Date
      expires_at: Date
      rotated_at: Date | null
      token_digest: Uint8Array
      rotation_times: readonly Date[] | null
    }[]
  >`select * from refresh_families where id = ${id}`
  if (row === undefined) throw new Error('there is no such family')
  return row
}
