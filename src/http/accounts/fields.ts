import { z } from 'zod'
import { ACR_VALUES, parseAcrValues } from '../../domain/oauth/acr.ts'
import { type Client, FIRST_PARTY } from '../../domain/oauth/client.ts'
import { type FieldError, fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import { REFRESH_TRANSPORTS } from '../../domain/sign-in/refresh-family.ts'
import type { Clients } from '../../ports/clients.ts'
import { readJson, readOptionalJson } from '../server/body.ts'
import type { Call } from '../server/route.ts'

/** The fields of a request to the account API. Others are ignored: no request can give its account a role. */
export const readFields = async <T>(call: Call, schema: z.ZodType<T>): Promise<T> =>
  parseFields(await readJson(call), schema)

/** The same for a request that may leave the body out, which then has no fields. */
export const readOptionalFields = async <T>(call: Call, schema: z.ZodType<T>): Promise<T> =>
  parseFields((await readOptionalJson(call)) ?? {}, schema)

/** Parses the fields. Throws a 422 that names every bad field at once, each with a pointer. */
export const parseFields = <T>(body: unknown, schema: z.ZodType<T>): T => {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map(
    (issue): FieldError => ({ pointer: `#/${issue.path.join('/')}`, detail: issue.message }),
  )
  throw new Problem('FIELDS_INVALID', { errors })
}

export const TEXT = z.string('must be a string')
export const FILLED = TEXT.min(1, 'must not be empty')

/** RFC 8707 §2 – The resources of a request: one, or a list. `requireResources` judges whether the client may ask for them. */
export const RESOURCES = z
  .union(
    [TEXT.transform(resource => [resource]), z.array(TEXT).min(1).max(10)],
    'must be a string or a list of 1 to 10',
  )
  .default([])

export const CREDENTIALS = z.object({
  email: TEXT,
  password: TEXT,
  client_id: TEXT.optional(),
  /** At a registration alone. */
  invitation: TEXT.optional(),
  refresh_transport: z.enum(REFRESH_TRANSPORTS, 'must be body or cookie').default('body'),
  resource: RESOURCES,
  acr_values: TEXT.transform((text, context) => {
    const values = parseAcrValues(text)
    if (values === null) context.addIssue(`must name ${ACR_VALUES.join(' or ')}`)
    return values
  })
    .nullable()
    .default(null),
})

/** Ours (docs/decisions/0029) – Finds the first-party client that a request names; the built-in one when it names none. Throws a 422. */
export const findFirstParty = async (
  clients: Clients,
  client_id = FIRST_PARTY.client_id,
): Promise<Client> => {
  const client = await clients.find(client_id)
  if (client?.first_party) return client
  const detail = 'must name a first-party client'
  throw fieldInvalid({ pointer: '#/client_id', detail }, { reason: 'not_first_party' })
}
