/** Characters of an id from another system, at most. */
const CHARACTERS_MAX = 255

/** Control characters, and halves of a character, which UTF-8 has no form for. */
const UNREADABLE = /[\p{Cc}\p{Cs}]/u

/**
 * Ours – Null for an id from another system that an account may have, else its fault. The id is compared as it is: another system may
 * tell `auth0|a` from `auth0|A`.
 */
export const judgeExternalId = (external_id: string): string | null =>
  external_id !== '' &&
  external_id.length <= CHARACTERS_MAX &&
  external_id.trim() === external_id &&
  !UNREADABLE.test(external_id)
    ? null
    : `must be 1 to ${CHARACTERS_MAX} characters, without control characters and spaces around`
