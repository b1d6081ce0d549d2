import { ADMIN_SCOPE, VIEWER_SCOPE } from './scope.ts'

/** Ours: the roles of a new account. No request can name others. */
export const FIRST_ROLES: readonly string[] = ['user']

/** Ours: the roles of people who administer this server. Only an administrator gives them: no invitation, registration or import does. */
const ADMINISTRATIVE_ROLES: readonly string[] = [ADMIN_SCOPE, VIEWER_SCOPE]

/** The roles that another system may give: those that administer this server are left out. */
export const withoutAdministrative = (roles: readonly string[]): readonly string[] =>
  roles.filter(role => !ADMINISTRATIVE_ROLES.includes(role))

/** True where one of the roles administers this server. */
export const areAdministrative = (roles: readonly string[]): boolean =>
  roles.some(role => ADMINISTRATIVE_ROLES.includes(role))

/** Ours: characters that no service splits or quotes when it reads the claim. */
const ROLE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/
const ROLES_AT_MOST = 32
const ROLE_MAX_CHARACTERS = 64

/** The longest roles that an account can have. */
export const LONGEST_ROLES: readonly string[] = Array.from({ length: ROLES_AT_MOST }, () =>
  'r'.repeat(ROLE_MAX_CHARACTERS),
)

/** Null when an account may have these roles, else their fault. */
export const judgeRoles = (roles: readonly string[]): string | null => {
  if (roles.length > ROLES_AT_MOST) return `must be ${ROLES_AT_MOST} at most`
  return roles.every(role => ROLE.test(role))
    ? null
    : 'must each be 1 to 64 of A-Z a-z 0-9 . _ : / - and begin with a letter or a digit'
}

/** The roles of an account that a token may carry: all of them, unless another program has written to the account's row. */
export const boundRoles = (roles: readonly string[]): readonly string[] =>
  judgeRoles(roles) === null ? roles : roles.filter(role => ROLE.test(role)).slice(0, ROLES_AT_MOST)
