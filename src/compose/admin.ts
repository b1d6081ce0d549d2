import { createAuthenticateAdministrator } from '../flows/access/authenticate-administrator.ts'
import type { Base } from './base.ts'

/** Composes the administration, which the internal listener serves. */
export const composeAdmin = (base: Base) => ({
  ...base,
  authenticateAdministrator: createAuthenticateAdministrator(base),
})

export type ComposedAdmin = ReturnType<typeof composeAdmin>
