import { z } from 'zod'
import { list } from './schemas.ts'
import type { Setting } from './setting.ts'

/** Undefined when unset: the roles then follow from the database. */
const roles = z
  .string()
  .optional()
  .transform(value => (value === undefined || value === 'none' ? value : list.parse(value)))

export const ROLE_SETTINGS = {
  SECOND_FACTOR_ROLES: {
    schema: roles,
    standard: '`signet:admin`; none on the embedded database',
    help: 'Roles, separated by commas, that a token carries only after a sign-in with a second factor; `none` for no role. A person who administers this server needs `signet:admin` at each request.',
  },
} satisfies Record<string, Setting<unknown>>
