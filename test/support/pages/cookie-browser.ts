import { createHash, randomBytes } from 'node:crypto'
import { type Answer, toAnswer } from '../answer.ts'
import { PASSWORD } from '../ask.ts'
import { askApp } from '../bindings.ts'
import { type Instance, ISSUER } from '../deployment.ts'

type Headers = Readonly<Record<string, string>>
type Fields = Readonly<Record<string, string>>

/** A browser without JavaScript: it keeps cookies, follows nothing by itself, and says what browsers say of a form of our own. */
export const createCookieBrowser = (signet: Instance, always: Headers = {}) => {
  const cookies = new Map<string, string>()
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = {
      ...always,
      ...Object.fromEntries(new Headers(init.headers)),
      ...(cookie ? { cookie } : {}),
    }
    const response = await askApp(signet.app, path, { ...init, headers })
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      if (set.includes('Max-Age=0')) cookies.delete(name)
      else cookies.set(name, value)
    }
    return toAnswer(response)
  }
  const open = (path: string, headers: Headers = {}) => ask(path, { headers })
  const send = (path: string, fields: Fields, headers: Headers = OWN_FORM) => {
    const body = new URLSearchParams(fields).toString()
    const content = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    }
    return ask(path, { method: 'POST', body, headers: { ...content, ...headers } })
  }
  return { cookies, open, send, ...createVisits({ open, send }) }
}

export type CookieBrowser = ReturnType<typeof createCookieBrowser>

export const OWN_FORM = { origin: ISSUER, 'sec-fetch-site': 'same-origin' }
export const FOREIGN_FORM = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }

type Acts = Readonly<{
  open: (path: string, headers?: Headers) => Promise<Answer>
  send: (path: string, fields: Fields, headers?: Headers) => Promise<Answer>
}>

/** What a person does on the pages. */
const createVisits = ({ open, send }: Acts) => ({
  signUp: async (email: string) => {
    const request = sealedIn(await open('/sign-up'))
    return send('/sign-up', { request, email, password: PASSWORD })
  },

  signIn: async (email: string) => {
    const request = sealedIn(await open('/sign-in'))
    return send('/sign-in', { request, email, password: PASSWORD })
  },

  /** The tokens that a public client gets, whose redirect URI is `https://<client_id>.example/cb`. The person consents where asked. */
  authorize: async (signet: Instance, client_id: string, scope: string) => {
    const code_verifier = randomBytes(32).toString('base64url')
    const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
    const redirect_uri = `https://${client_id}.example/cb`
    const asked = { response_type: 'code', client_id, redirect_uri, scope, state: 's' }
    const query = new URLSearchParams({ ...asked, code_challenge, code_challenge_method: 'S256' })
    let answer = await open(`/authorize?${query.toString()}`)
    const page = answer.headers.get('location') ?? ''
    if (page.startsWith('/consent'))
      answer = await send('/consent', { request: sealedIn(await open(page)), decision: 'allow' })
    const code = new URL(answer.headers.get('location') ?? '').searchParams.get('code') ?? ''
    const grant = { grant_type: 'authorization_code', client_id, redirect_uri, code, code_verifier }
    return (await signet.token(grant)).body
  },
})

/** The hidden field of a page's form. */
export const sealedIn = ({ text }: Answer): string => /name="request" value="([^"]+)"/.exec(text)?.[1] ?? ''
