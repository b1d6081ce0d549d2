import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import type { Call } from './route.ts'

const USER_AGENT_MAX_CHARACTERS = 256

/** Where a request came from, as it is remembered with a sign-in. */
export const requestSourceOf = ({ ip, header }: Call): RequestSource => ({
  ip,
  user_agent: header('user-agent')?.slice(0, USER_AGENT_MAX_CHARACTERS) ?? null,
})

/** Ours – What marks a request and its retries as one; undefined where it is absent or empty. */
export const idempotencyKeyOf = ({ header }: Call): string | undefined =>
  header('idempotency-key') || undefined
