import type { TracedSource } from '../../domain/sign-in/refresh-family.ts'
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
