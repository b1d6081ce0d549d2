import type { TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { TokenRequest } from '../../flows/access/authenticate-bearer.ts'
import type { Call } from './route.ts'

const USER_AGENT_MAX_CHARACTERS = 256

/** Where a request came from, as a sign-in remembers it, and its id in the log. */
export const requestSourceOf = ({ ip, header, request_id }: Call): TracedSource => ({
  request_id,
  ip,
  user_agent: header('user-agent')?.slice(0, USER_AGENT_MAX_CHARACTERS) ?? null,
})

/** Ours – The key that a request shares with its retries; undefined where it is absent or empty. */
export const idempotencyKeyOf = ({ header }: Call): string | undefined =>
  header('idempotency-key') || undefined

/** RFC 9449 §7.1 – What presents an access token: its header, the proof, and the method and the address that the proof has to be for. */
export const tokenRequestOf = ({ header, context: { req } }: Call): TokenRequest => ({
  authorization: header('authorization'),
  proof: header('dpop'),
  method: req.method,
  path: req.path,
})
