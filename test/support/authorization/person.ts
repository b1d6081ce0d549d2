import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** The answers that a person of the tests gives on the hosted pages. */
export type Character = Readonly<{
  email: string
  password: string
  /** The button that the person presses on the consent page. Default `allow`. */
  decision?: 'allow' | 'deny'
}>

/** A person with a browser without scripts, whose cookies stay from one flow to the next. */
export type PageVisitor = Readonly<{
  /** Follows an authorization request through the pages to the address outside Signet that the flow ends at. */
  authorize: (url: string | URL) => Promise<URL>
  /** Takes back on the account page what the person has allowed to a client. */
  withdraw: (client_id: string) => Promise<Response>
  /** One request with the cookies of the browser, such as the redirect that a flow ended with. */
  visit: (url: string | URL, init?: RequestInit) => Promise<Response>
  /** The paths of the pages that were filled in, the oldest first. */
  visited: readonly string[]
}>

/** Pages and redirects of one flow, at most: a circle ends here. */
const STEPS_MAX = 12

/** Opens an account at the first sign-in page, and signs in with its password at the later ones. */
export const createPageVisitor = (issuer: string, character: Character): PageVisitor => {
  const visit = createBrowser()
  const visited: string[] = []
  let hasAccount = false

  const fillIn = async (page: Page): Promise<Response> => {
    const { pathname } = page.url
    if (pathname === '/sign-in' && !hasAccount) return visit(linkOf(page, '/sign-up'))
    visited.push(pathname)
    if (pathname === '/consent') return send(page, { decision: character.decision ?? 'allow' })
    hasAccount = true
    const { email, password } = character
    return send(page, { email, password })
  }

  const send = ({ url, html }: Page, fields: Readonly<Record<string, string>>, path = '') => {
    const { action, hidden } = formOf(html, path)
    return visit(new URL(action, url), {
      method: 'POST',
      body: new URLSearchParams({ ...hidden, ...fields }),
      headers: { origin: issuer, 'sec-fetch-site': 'same-origin' },
    })
  }

  const authorize: PageVisitor['authorize'] = async start => {
    let url = new URL(start)
    let response = await visit(url)
    for (let step = 0; step < STEPS_MAX; step++) {
      const location = response.headers.get('location')
      if (location !== null) {
        url = new URL(location, url)
        if (url.origin !== issuer) return url
        response = await visit(url)
      } else {
        const html = await response.text()
        if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}: ${headingOf(html)}`)
        response = await fillIn({ url, html })
        url = new URL(response.url)
      }
    }
    throw new Error(`the flow does not end: ${visited.join(' → ')}`)
  }

  const withdraw: PageVisitor['withdraw'] = async client_id => {
    const url = new URL('/account/applications', issuer)
    const page = { url, html: await (await visit(url)).text() }
    return send(page, { withdraw: client_id }, url.pathname)
  }
  return { authorize, withdraw, visit, visited }
}

type Page = Readonly<{ url: URL; html: string }>
/** Cookies by host: no port tells them apart, as in a browser. Redirects are left to the caller. */
const createBrowser = (): PageVisitor['visit'] => {
  const jars = new Map<string, Map<string, string>>()
  return async (address, init = {}) => {
    const url = new URL(address)
    const jar = jars.get(url.hostname) ?? new Map<string, string>()
    jars.set(url.hostname, jar)
    const headers = new Headers(init.headers)
    if (!headers.has('accept')) headers.set('accept', 'text/html')
    headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/;\s*max-age=0/i.test(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }
}

/** The first form of the page that is sent to this path, or to one below it. */
const formOf = (html: string, path: string) => {
  const form = new RegExp(`<form method="post" action="(${path}[^"]+)">([\\s\\S]*?)</form>`)
  const [, action, inside = ''] = form.exec(html) ?? []
  if (action === undefined) throw new Error(`no form on the page: ${headingOf(html)}`)
  const inputs = inside.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
  const hidden = Object.fromEntries(
    [...inputs].map(([, name = '', value = '']) => [name, unescapeHtml(value)]),
  )
  return { action: unescapeHtml(action), hidden }
}

const linkOf = ({ url, html }: Page, path: string): URL => {
  const [, href] = new RegExp(`href="(${path}[^"]*)"`).exec(html) ?? []
  if (href === undefined) throw new Error(`no link to ${path} on the page: ${headingOf(html)}`)
  return new URL(unescapeHtml(href), url)
}

const headingOf = (html: string): string => /<h1>(.*?)<\/h1>/.exec(html)?.[1] ?? html.slice(0, 300)

const unescapeHtml = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown

/** Serves a web application at a port of 127.0.0.1. */
export const serveAt = async (port: number, handle: Handle): Promise<() => Promise<void>> => {
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}
