import { digestOf } from '../domain/base/digest.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import type { Client } from '../domain/oauth/client.ts'
import type { Family, NewFamily } from '../domain/sign-in/refresh-family.ts'
import { namesPerson, type RefreshToken, refreshTokenAt } from '../domain/sign-in/refresh-token.ts'
import type { Random } from '../ports/effects.ts'

type Needs = Readonly<{ random: Random; peppers: Peppers; refresh_token_version: number }>

type MintedFamily = Readonly<{
  refresh_token: RefreshToken
  minted: Pick<NewFamily, 'id' | 'salt' | 'pepper_id' | 'token_digest'>
}>

const SALT_BYTES = 16

/**
 * The columns that identify a new family, and its first refresh token: of the newest pepper, and of generation 0. A person who is not known
 * yet is null: the token then has version 1, whatever the setting is.
 */
export const mintFamily = (
  { random, peppers: [pepper], refresh_token_version }: Needs,
  user_id: string | null,
): MintedFamily => {
  const id = random.uuid()
  const salt = random.bytes(SALT_BYTES)
  const owner = namesPerson(refresh_token_version) ? user_id : null
  const refresh_token = refreshTokenAt({ family_id: id, user_id: owner, salt, generation: 0 }, pepper)
  return { refresh_token, minted: { id, salt, pepper_id: pepper.id, token_digest: digestOf(refresh_token) } }
}

/** Seconds for which the family's refresh token waits for its use. */
export const refreshTokenSecondsOf = ({
  idle_expires_at,
  at,
}: Pick<Family, 'idle_expires_at' | 'at'>): number =>
  Math.floor((idle_expires_at.getTime() - at.getTime()) / 1000)

/**
 * RFC 9449 §5 – The key to which the family of a client is bound: a public client's refresh tokens are good for nothing without it. A
 * confidential client authenticates at each refresh, and may change its key.
 */
export const senderKeyOf = ({ token_endpoint_auth_method }: Client, jkt: string | null): string | null =>
  token_endpoint_auth_method === 'none' ? jkt : null
