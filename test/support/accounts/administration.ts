import { z } from 'zod'
import { unsealText } from '../../../src/domain/factors/sealed-secret.ts'
import { CONSOLE_CLIENT_ID } from '../../../src/domain/oauth/console-client.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../../src/domain/oauth/scope.ts'
import type { Answer } from '../answer.ts'
import { type Asking, newEmail } from '../ask.ts'
import { basic, CLIENTS, type ClientEntry, createPepperText } from '../clients.ts'
import { type Deployment, type Given, type Instance, ISSUER, openDeployment } from '../deployment.ts'
import { pepperOf } from '../families.ts'
import { CONSOLE, createConsoleBrowser, setRoles } from '../pages/console-browser.ts'
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

/** Clients that administer, and some that must not be able to. */
export const ADMINISTERING: readonly ClientEntry[] = [
  confidential('operator', `${ADMIN_SCOPE} ${VIEWER_SCOPE}`),
  confidential('watcher', VIEWER_SCOPE),
  confidential('elsewhere', ADMIN_SCOPE, ['https://api.example', ISSUER]),
  confidential('reader', 'read'),
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

/** Asks the administration as one of these confidential clients. */
export const administrationBy = async (instance: Instance, client_id: string): Promise<Administration> =>
  administrationOf(instance, await tokenOfClient(instance, client_id))

/** A server that these clients administer, and its administration as one of them asks it. */
export const openAdministration = async (client_id: string, given: Given = {}) => {
  const deployment = await openDeployment([...CLIENTS, ...ADMINISTERING])
  const instance = await deployment.start(given)
  return { deployment, instance, ask: await administrationBy(instance, client_id) }
}

/** A person with these roles, and their tokens at an application, or at the console of an instance with CONSOLE_SETTINGS. */
export const signUpWithRoles = async (
  deployment: Deployment,
  instance: Instance,
  roles: readonly string[],
  client_id = CONSOLE_CLIENT_ID,
) => {
  const email = newEmail()
  const { user } = await signUp(instance, email)
  await setRoles(deployment, email, roles)
  const tokens =
    client_id === CONSOLE_CLIENT_ID
      ? await signInToConsole(deployment, instance, email)
      : await signIn(instance, email, { client_id })
  return { email, sub: user.id, tokens }
}

/** The tokens that the console has sealed into its cookie. */
const signInToConsole = async ({ pepper }: Deployment, instance: Instance, email: string) => {
  const browser = createConsoleBrowser([instance])
  await browser.signIn(email)
  const owner = `cookie of ${CONSOLE}`
  const sealed = decodeURIComponent(browser.jar.get(CONSOLE_CLIENT_ID) ?? '')
  const visit = unsealText(sealed, { use: 'console', owner }, [pepperOf(pepper)])
  const { access_token, refresh_token } = TOKENS.parse(JSON.parse(visit ?? 'null'))
  return { access_token, refresh_token }
}

const TOKENS = z.object({ access_token: z.string(), refresh_token: z.string() })
