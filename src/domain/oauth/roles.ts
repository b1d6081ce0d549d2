/** Ours: everybody begins with this one; no request can name another. */
export const FIRST_ROLES: readonly string[] = ['user']

/** Ours: what is a word to every service that reads the claim, whatever it splits or quotes. */
const ROLE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/
const ROLES_AT_MOST = 32
const ROLE_MAX_CHARACTERS = 64

/** What the roles of an account can come to. */
export const LONGEST_ROLES: readonly string[] = Array.from({ length: ROLES_AT_MOST }, () =>
  'r'.repeat(ROLE_MAX_CHARACTERS),
)

/** Null when an account may have these roles, else what is wrong with them. */
export const judgeRoles = (roles: readonly string[]): string | null => {
  if (roles.length > ROLES_AT_MOST) return `must be ${ROLES_AT_MOST} at most`
  return roles.every(role => ROLE.test(role))
    ? null
    : 'must each be 1 to 64 of A-Z a-z 0-9 . _ : / - and begin with a letter or a digit'
}

/** Those of an account that a token may carry: all of them, unless its row was written by another hand. */
export const boundRoles = (roles: readonly string[]): readonly string[] =>
  judgeRoles(roles) === null ? roles : roles.filter(role => ROLE.test(role)).slice(0, ROLES_AT_MOST)
