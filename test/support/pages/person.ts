import { createHash, randomBytes } from 'node:crypto'
import { type Answer, toAnswer } from '../answer.ts'
import { PASSWORD } from '../ask.ts'
import { askApp } from '../bindings.ts'
import type { Instance } from '../deployment.ts'

type Headers = Readonly<Record<string, string>>
type Fields = Readonly<Record<string, string>>

/** An answer of the server, with what a browser would do next. */
export type Shown = Answer & Readonly<{ location: string | null }>

export const CODE_VERIFIER = randomBytes(32).toString('base64url')
export const CODE_CHALLENGE = createHash('sha256').update(CODE_VERIFIER).digest('base64url')

/** RFC 6749 §4.1.1 – A query for /authorize; a value of null leaves the parameter out. */
export const queryOf = (parameters: Readonly<Record<string, string | null>>): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.append(name, value)
  return query.toString()
}

/** What is in the answer to the client, which a redirect holds. */
export const answerOf = ({ location }: Pick<Shown, 'location'>): Fields =>
  Object.fromEntries(new URL(location ?? '').searchParams)

/** The values of a page's hidden fields and of its prefilled ones, as the browser reads them. */
export const fieldOf = ({ text }: Pick<Answer, 'text'>, name: string): string | null => {
  const tag = [...text.matchAll(/<input[^>]*>/g)].find(([each]) => each.includes(` name="${name}"`))?.[0]
  const value = tag === undefined ? null : (/ value="([^"]*)"/.exec(tag)?.[1] ?? '')
  return value === null ? null : unescaped(value)
}

const unescaped = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))

const actionOf = ({ text }: Answer): string =>
  unescaped(/<form method="post" action="([^"]*)"/.exec(text)?.[1] ?? '')

export const headingOf = ({ text }: Pick<Answer, 'text'>): string => /<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? ''

/** A person at a browser of their own: it keeps cookies, follows redirects to pages of the server, and sends the forms of pages. */
export const createPerson = ({ app, issuer }: Pick<Instance, 'app' | 'issuer'>) => {
  const jar = new Map<string, string>()

  const send = async (path: string, init: RequestInit, headers: Headers): Promise<Shown> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const sent = { ...(cookie === '' ? {} : { cookie }), ...headers }
    const answer = await toAnswer(await askApp(app, path, { ...init, headers: sent }))
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1).join().split(/=(.*)/s)
      if (/max-age=0(?:;|$)/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return { ...answer, location: answer.headers.get('location') }
  }

  /** As a link of another page leads here. */
  const open = (path: string, headers: Headers = {}) => send(path, {}, headers)

  /** The page to which the redirects lead, or the first one that leads to the client. */
  const follow = async (shown: Shown): Promise<Shown> =>
    shown.location?.startsWith('/') ? follow(await open(shown.location)) : shown

  const post = (path: string, fields: Fields | string, headers: Headers = {}) =>
    send(
      path,
      { method: 'POST', body: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString() },
      { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    )

  /** The form of a page, as the browser sends it. */
  const submit = (page: Answer, fields: Fields, headers: Headers = {}) => {
    const own = { origin: issuer, 'sec-fetch-site': 'same-origin', ...headers }
    return post(actionOf(page), { request: fieldOf(page, 'request') ?? '', ...fields }, own)
  }

  const signIn = async (page: Shown, email: string, password = PASSWORD) =>
    follow(await submit(page, { email, password }))

  return {
    jar,
    open,
    /** As programs ask that only look whether an address is there. */
    head: (path: string) => send(path, { method: 'HEAD' }, {}),
    follow,
    post,
    submit,
    signIn,
    /** To the page that an authorization request leads to, or to the answer. */
    arrive: async (query: string) => follow(await open(`/authorize?${query}`)),
    /** From the sign-in page of a request to a new account. */
    signUp: async (page: Shown, email: string) => {
      const path = actionOf(page).replace('/sign-in', '/sign-up')
      const query = new URLSearchParams({ request: fieldOf(page, 'request') ?? '' })
      const form = await open(`${path.split('?', 1).join()}?${query.toString()}`)
      return follow(await submit(form, { email, password: PASSWORD }))
    },
    allow: (page: Shown) => submit(page, { decision: 'allow' }),
    deny: (page: Shown) => submit(page, { decision: 'deny' }),
  }
}

export type Person = ReturnType<typeof createPerson>
