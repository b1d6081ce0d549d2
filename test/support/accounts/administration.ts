import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../../src/domain/oauth/scope.ts'
import type { Answer } from '../answer.ts'
import { type Asking, newEmail } from '../ask.ts'
import { basic, type ClientEntry, createPepperText } from '../clients.ts'
import { type Deployment, type Instance, ISSUER } from '../deployment.ts'
import { signIn, signUp } from './account-api.ts'

const SECRET = createPepperText()

const confidential = (client_id: string, scope: string, audience: readonly string[] = [ISSUER]) => ({
  client_id,
  client_secret: SECRET,
  grant_types: ['client_credentials'],
  scope,
  audience,
})

const application = (client_id: string) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  first_party: true,
  grant_types: ['refresh_token'],
  scope: `read ${ADMIN_SCOPE} ${VIEWER_SCOPE}`,
  audience: [ISSUER],
  redirect_uris: [`https://${client_id}.example/callback`],
})

/** Clients that administer, and some that must not be able to. Signing in by the account API stands for the console's own pages. */
export const ADMINISTERING: readonly ClientEntry[] = [
  confidential('operator', `${ADMIN_SCOPE} ${VIEWER_SCOPE}`),
  confidential('watcher', VIEWER_SCOPE),
  confidential('elsewhere', ADMIN_SCOPE, ['https://api.example', ISSUER]),
  confidential('reader', 'read'),
  application('signet-console'),
  application('impostor'),
]

/** A token of one of these confidential clients for itself. */
export const tokenOfClient = async (
  instance: Instance,
  client_id: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> =>
  (await instance.token({ grant_type: 'client_credentials', ...more }, basic(client_id, SECRET))).body
    .access_token

/** Asks the administration as one caller. */
export const administrationOf =
  (instance: Instance, token: string) =>
  (path: string, asking: Asking = {}): Promise<Answer> =>
    instance.askInternal(`/admin${path}`, { token, ...asking })

export type Administration = ReturnType<typeof administrationOf>

/** A person with these roles, and their tokens at one of the applications. */
export const signUpWithRoles = async (
  { database }: Deployment,
  instance: Instance,
  roles: readonly string[],
  client_id = 'signet-console',
) => {
  const email = newEmail()
  const { user } = await signUp(instance, email)
  await database.run(sql => sql`update signet.users set roles = ${roles}::text[] where id = ${user.id}`)
  return { email, sub: user.id, tokens: await signIn(instance, email, { client_id }) }
}
