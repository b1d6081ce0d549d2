import { CommanderError } from 'commander'
import type { z } from 'zod'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { PROBLEM } from './admin-answers.ts'
import { AdminError, EXIT } from './admin-error.ts'
import { type AdminAsking, type Answered, askServer, openAnswer, readAnswer } from './admin-fetch.ts'
import { readAdminSettings } from './admin-settings.ts'
import { type AdminScope, type AdminToken, createAdminToken } from './admin-token.ts'

export type AdminQuery = Readonly<Record<string, string | undefined>>

/** The administration of a running server. Everything throws an AdminError where the server refuses, or gives no answer. */
export type Administration = Readonly<{
  get: <T>(path: string, schema: z.ZodType<T>, query?: AdminQuery) => Promise<T>
  post: <T>(path: string, schema: z.ZodType<T>) => Promise<T>
  /** An answer that goes on, until the signal or the server ends it. */
  open: (path: string, asking: AdminAsking) => Promise<Response>
}>

const WHAT = 'the administration'

/** Opens the administration for a command. Each fault is one line, and ends in a CommanderError with the exit code of its kind. */
export const withAdministration = async (
  io: Io,
  { json = false, scope = 'signet:viewer' }: Readonly<{ json?: boolean; scope?: AdminScope }>,
  work: (administration: Administration) => Promise<void>,
): Promise<void> => {
  try {
    const settings = readAdminSettings(io.environment)
    await work(createAdministration(settings.url, createAdminToken(settings, scope)))
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    const line = printable(error.message)
    if (json) io.out(JSON.stringify(error.exit === 'refused' ? { refusal: line } : { faults: [line] }))
    else io.err(line)
    throw new CommanderError(EXIT[error.exit], `signetd.${error.exit}`, line)
  }
}

const createAdministration = (url: string, token: AdminToken): Administration => {
  const authorized = async <T extends { status: number }>(
    ask: (header: string) => Promise<T>,
  ): Promise<T> => {
    const answer = await ask(`Bearer ${await token.get()}`)
    // A command may outlive its token.
    return answer.status === 401 && token.renew() ? ask(`Bearer ${await token.get()}`) : answer
  }
  const ask = (path: string, asking: AdminAsking): Promise<Answered> =>
    authorized(Authorization =>
      askServer(WHAT, `${url}/admin${path}`, { ...asking, headers: { Authorization } }),
    )
  return {
    get: async (path, schema, query = {}) => parseAnswer(await ask(`${path}${queryOf(query)}`, {}), schema),
    post: async (path, schema) => parseAnswer(await ask(path, { method: 'POST' }), schema),
    open: async (path, asking) => {
      const answer = await authorized(Authorization =>
        openAnswer(WHAT, `${url}/admin${path}`, {
          ...asking,
          headers: { ...asking.headers, Authorization },
        }),
      )
      if (answer.status === 200) return answer
      throw refusalOf({ status: answer.status, json: await readAnswer(WHAT, answer) })
    },
  }
}

const queryOf = (query: AdminQuery): string => {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return given.length === 0 ? '' : `?${String(new URLSearchParams(Object.fromEntries(given)))}`
}

const parseAnswer = <T>(answer: Answered, schema: z.ZodType<T>): T => {
  if (answer.status >= 300) throw refusalOf(answer)
  const parsed = schema.safeParse(answer.json)
  if (parsed.success) return parsed.data
  throw new AdminError(
    'unreachable',
    'the answer is none of the administration: look whether SIGNET_ADMIN_URL leads to the internal listener of Signet',
    answer.status,
  )
}

const refusalOf = ({ status, json }: Answered): AdminError => {
  const { data: problem = {} } = PROBLEM.safeParse(json)
  if (status === 401)
    return new AdminError(
      'misconfigured',
      'the administration does not take the token: it has expired, was revoked, or is not for the administration',
      status,
    )
  if (status === 403)
    return new AdminError('refused', 'this needs the scope signet:admin, or signet:viewer to look', status)
  if (status >= 500)
    return new AdminError(
      'unreachable',
      `the administration cannot answer now (${status}): try again`,
      status,
    )
  const fields = (problem.errors ?? []).map(
    ({ pointer, detail }) => `${pointer.replace(/^#\//, '')} ${detail}`,
  )
  const said =
    fields.length > 0 ? fields.join('; ') : (problem.detail ?? problem.title ?? 'no reason is given')
  return new AdminError('refused', `the administration refuses this (${status}): ${said}`, status)
}
