import { type Answer, locationOf, openConnection, type Request } from './connection.ts'

/** A browser without scripts on a connection of its own, with its cookies. */
export type Visitor = Readonly<{
  /** A redirect is not followed. */
  send: (request: Request) => Promise<Answer>
  open: (path: string) => Promise<Answer>
  /** Sends the form of a page with its hidden fields, and these. */
  submit: (page: Answer, fields: Readonly<Record<string, string>>) => Promise<Answer>
  /** The Cookie header of the next request. */
  cookies: () => string
  close: () => void
}>

export const openVisitor = (port: number): Visitor => {
  const connection = openConnection(port)
  const jar = new Map<string, string>()
  const cookies = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const send = async ({ headers = {}, ...request }: Request): Promise<Answer> => {
    const answer = await connection.send({ ...request, headers: { ...headers, Cookie: cookies() } })
    const pairs = answer.head.matchAll(/\r\nset-cookie: *([^=;\r]+)=([^;\r]*)/gi)
    for (const [, name = '', value = ''] of pairs) jar.set(name, value)
    return answer
  }
  return {
    send,
    cookies,
    open: path => send({ method: 'GET', path }),
    submit: ({ body }, fields) => {
      const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(body) ?? []
      const inputs = body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
      const hidden = [...inputs].map(([, name = '', value = '']) => [name, unescape(value)])
      return send({
        path: unescape(action),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin' },
        body: new URLSearchParams({ ...Object.fromEntries(hidden), ...fields }).toString(),
      })
    },
    close: connection.close,
  }
}

/** The path to which an answer redirects on the same server. */
export const pathOf = (answer: Answer): string => {
  const { pathname, search } = new URL(locationOf(answer), 'http://localhost')
  return pathname + search
}

const unescape = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
