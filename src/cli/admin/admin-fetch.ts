import { AdminError } from './admin-error.ts'

/** Milliseconds within which a server has to have answered in full. */
const ANSWER_MILLISECONDS = 15_000
/** Bytes of an answer, at most: a page of 200 events has some hundred thousand. */
const ANSWER_MOST_BYTES = 8 * 1024 * 1024

export type AdminAsking = Readonly<{
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string
  signal?: AbortSignal
}>
export type Answered = Readonly<{ status: number; json: unknown }>

/** Asks a server, and reads its whole answer. Throws an AdminError where there is none. `what` names the server in it. */
export const askServer = async (what: string, url: string, asking: AdminAsking = {}): Promise<Answered> => {
  const signal = AbortSignal.timeout(ANSWER_MILLISECONDS)
  const answer = await openAnswer(what, url, { ...asking, signal })
  return { status: answer.status, json: await readAnswer(what, answer) }
}

/** The answer before its body. A redirect is no answer: the credentials are for this server alone. */
export const openAnswer = async (what: string, url: string, asking: AdminAsking): Promise<Response> => {
  try {
    return await fetch(url, { ...asking, redirect: 'error' })
  } catch (error) {
    throw unreachable(what, url, error)
  }
}

/** Undefined for a body that is no JSON. */
export const readAnswer = async (what: string, answer: Response): Promise<unknown> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.length
      if (bytes > ANSWER_MOST_BYTES) throw new Error('the answer is too long')
      chunks.push(chunk)
    }
  } catch (error) {
    throw unreachable(what, answer.url, error)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

const unreachable = (what: string, url: string, error: unknown) => {
  const { origin } = new URL(url)
  return new AdminError('unreachable', `${what} at ${origin} cannot be reached (${causeOf(error)})`)
}

/** The fault below fetch's own "fetch failed". */
export const causeOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  return cause.name === 'TimeoutError' ? 'no answer in time' : cause.message
}
