import { toAnswer } from '../answer.ts'
import { askApp } from '../bindings.ts'
import { type Instance, ISSUER } from '../deployment.ts'

type Fields = Readonly<Record<string, string>>

/** A page that a browser has open: what its text says, and where its form goes. */
export type OpenPage = Readonly<{
  status: number
  /** Path and query. */
  address: string
  text: string
  headers: Headers
}>

export type Browser = Readonly<{
  /** One request with the cookies of the browser; a redirect is not followed. */
  visit: (path: string, init?: RequestInit) => Promise<OpenPage>
  /** Sends the form of a page with its hidden fields, and these. A redirect is not followed. */
  submit: (page: OpenPage, fields: Fields, headers?: Fields) => Promise<OpenPage>
  /** Where an answer redirects to, opened with the same browser. */
  follow: (answer: OpenPage) => Promise<OpenPage>
}>

/** A browser without scripts in front of one instance. Its answers are not held against openapi.yaml. */
export const createBrowser = ({ app }: Pick<Instance, 'app'>): Browser => {
  const jar = new Map<string, string>()
  const visit: Browser['visit'] = async (path, init = {}) => {
    const headers = new Headers(init.headers)
    headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    if (typeof init.body === 'string') headers.set('content-length', String(Buffer.byteLength(init.body)))
    const response = await askApp(app, path, { ...init, headers })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (cookie.includes('Max-Age=0')) jar.delete(name)
      else jar.set(name, value)
    }
    const { status, text } = await toAnswer(response)
    return { status, address: path, text, headers: response.headers }
  }
  return {
    visit,
    submit: ({ text }, fields, headers = {}) =>
      visit(actionOf(text), {
        method: 'POST',
        body: new URLSearchParams({ ...hiddenOf(text), ...fields }).toString(),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          origin: ISSUER,
          'sec-fetch-site': 'same-origin',
          ...headers,
        },
      }),
    follow: ({ headers }) => visit(headers.get('location') ?? ''),
  }
}

/** The address of the link with this text. */
export const linkNamed = ({ text }: Pick<OpenPage, 'text'>, name: string): string => {
  const [, href] = new RegExp(`<a [^>]*href="([^"]*)"[^>]*>${name}</a>`).exec(text) ?? []
  if (href === undefined) throw new Error(`no link "${name}" in: ${titleOf({ text })}`)
  return unescapeHtml(href)
}

export const titleOf = ({ text }: Pick<OpenPage, 'text'>): string =>
  /<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? text.slice(0, 300)

const actionOf = (text: string): string => {
  const [, action] = /<form method="post" action="([^"]+)"/.exec(text) ?? []
  if (action === undefined) throw new Error(`no form on the page: ${titleOf({ text })}`)
  return unescapeHtml(action)
}

const hiddenOf = (text: string): Fields => {
  const inputs = text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
  return Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, unescapeHtml(value)]))
}

export const unescapeHtml = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
