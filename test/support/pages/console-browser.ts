import { signUp } from '../accounts/account-api.ts'
import { type Answer, toAnswer } from '../answer.ts'
import { newEmail, PASSWORD } from '../ask.ts'
import { askApp } from '../bindings.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../deployment.ts'
import { fieldOf } from './person.ts'
import { unescapeHtml } from './plain-browser.ts'

type Fields = Readonly<Record<string, string>>

/** The console of the tests: another port of the issuer's host, so that the cookies of either go to both. */
export const CONSOLE = 'http://localhost:9090'
/** Administrators of the tests have a password alone. */
export const CONSOLE_SETTINGS = { CONSOLE_URL: CONSOLE, INTERNAL_PORT: '9090', SECOND_FACTOR_ROLES: 'none' }

/** An answer, and the address that it is of. */
export type Seen = Answer & Readonly<{ address: string; location: string | null }>

/** A browser without scripts in front of the public listener and the console of one instance, or of several. */
export const createConsoleBrowser = (instances: readonly Instance[]) => {
  const jar = new Map<string, string>()
  let turn = 0
  const ask = async (address: string, init: RequestInit = {}): Promise<Seen> => {
    const url = new URL(address)
    const instance = instances[turn++ % instances.length]
    const app = url.origin === ISSUER ? instance?.app : instance?.internalApp
    if (!app) throw new Error(`nothing listens at ${url.origin}`)
    const sent = [...jar].filter(([name]) => name !== 'signet-console' || url.pathname.startsWith('/console'))
    const headers = new Headers({ host: url.host, ...Object.fromEntries(new Headers(init.headers)) })
    if (sent.length > 0) headers.set('cookie', sent.map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await askApp(app, url.pathname + url.search, { ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (line.includes('Max-Age=0')) jar.delete(name)
      else jar.set(name, value)
    }
    return { ...(await toAnswer(response)), address, location: response.headers.get('location') }
  }

  const open = (address: string, headers: Fields = {}) => ask(new URL(address, CONSOLE).href, { headers })
  /** The page to which the redirects lead. */
  const follow = async (seen: Seen): Promise<Seen> =>
    seen.location === null ? seen : follow(await ask(new URL(seen.location, seen.address).href))
  const post = (address: string, fields: Fields, headers: Fields = {}) => {
    const { origin } = new URL(address)
    const body = new URLSearchParams(fields).toString()
    const own = { origin, 'sec-fetch-site': 'same-origin', 'content-length': String(body.length) }
    const content = { 'content-type': 'application/x-www-form-urlencoded' }
    return ask(address, { method: 'POST', body, headers: { ...content, ...own, ...headers } })
  }
  /** The form of a page with this action, with its hidden field. */
  const submit = (page: Seen, action: string, fields: Fields = {}, headers: Fields = {}) =>
    post(new URL(action, page.address).href, { request: fieldOf(page, 'request') ?? '', ...fields }, headers)

  return {
    jar,
    open,
    visit: async (path: string) => follow(await open(path)),
    follow,
    post,
    submit,
    /** Opens the page that asks before something is done, and confirms it. */
    confirm: async (path: string): Promise<Seen> => {
      const page = await open(path)
      const etag = fieldOf(page, 'etag')
      return follow(await submit(page, path, etag === null ? {} : { etag }))
    },
    /** Opens a page of the console, and signs in on the way. */
    signIn: async (email: string, path = '/console'): Promise<Seen> => {
      const page = await follow(await open(path))
      const [, action = ''] = /<form method="post" action="([^"]*)"/.exec(page.text) ?? []
      return follow(await submit(page, unescapeHtml(action), { email, password: PASSWORD }))
    },
  }
}

export type ConsoleBrowser = ReturnType<typeof createConsoleBrowser>

type Role = 'signet:admin' | 'signet:viewer'

/** A server with the console, and a browser in which an administrator of this role is signed in. */
export const openConsole = async (role: Role) => {
  const deployment = await openDeployment()
  const signet = await deployment.start({ environment: CONSOLE_SETTINGS })
  return { deployment, signet, browser: await enterConsole(deployment, signet, role) }
}

/** A browser in which an administrator of this role, beside the former ones, is signed in. */
export const enterConsole = async (
  deployment: Pick<Deployment, 'database'>,
  signet: Instance,
  role: Role,
): Promise<ConsoleBrowser> => {
  const browser = createConsoleBrowser([signet])
  await browser.signIn(await createAdministrator(deployment, signet, role), '/console/accounts')
  return browser
}

/** An account with this role beside the first one. */
export const createAdministrator = async (
  { database }: Pick<Deployment, 'database'>,
  signet: Instance,
  role: Role,
): Promise<string> => {
  const email = newEmail()
  await signUp(signet, email)
  await setRoles({ database }, email, ['user', role])
  return email
}

export const setRoles = (
  { database }: Pick<Deployment, 'database'>,
  email: string,
  roles: readonly string[],
) => database.run(sql => sql`update signet.users set roles = ${roles}::text[] where email = ${email}`)
