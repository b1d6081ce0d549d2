import { DEVICE_GRANT } from '../../../src/domain/authorization/device-code.ts'
import { newEmail, PASSWORD } from '../ask.ts'
import { API, OTHER_API } from '../clients.ts'
import type { Database } from '../database.ts'
import type { Instance } from '../deployment.ts'
import { createPerson, type Person, type Shown } from '../pages/person.ts'

/** A public client that signs people in on devices. */
export const TV = {
  client_id: 'tv',
  client_name: 'Living Room',
  token_endpoint_auth_method: 'none',
  grant_types: [DEVICE_GRANT, 'refresh_token'],
  scope: 'openid email offline_access read write',
  audience: [API, OTHER_API],
}

type Fields = Readonly<Record<string, string>>

/** What a device got: its answer, and the form that it polls with. */
export type Codes = Readonly<{ device_code: string; user_code: string; form: Fields }>

/** A device that has asked for its codes. */
export const askForCodes = async (signet: Instance, more: Fields = {}): Promise<Codes> => {
  const { status, body } = await signet.post('/device_authorization', { client_id: TV.client_id, ...more })
  if (status !== 200) throw new Error(`no device code: ${status} ${body.error}`)
  const [device_code, user_code] = [String(body['device_code']), String(body['user_code'])]
  const client_id = more['client_id'] ?? TV.client_id
  return { device_code, user_code, form: { grant_type: DEVICE_GRANT, device_code, client_id } }
}

/** A person with a new account, who is signed in in a browser of their own. */
export const meetPerson = async (signet: Instance): Promise<Person & Readonly<{ email: string }>> => {
  const [person, email] = [createPerson(signet), newEmail()]
  const form = await person.open('/sign-up')
  await person.submit(form, { email, password: PASSWORD })
  return { ...person, email }
}

/** The page that the code leads to. */
export const typeCode = async (person: Person, user_code: string): Promise<Shown> =>
  person.submit(await person.open('/device'), { user_code })

/** The page at the end. */
export const decideOn = async (
  person: Person,
  user_code: string,
  decision: 'allow' | 'deny',
): Promise<Shown> => person.follow(await person.submit(await typeCode(person, user_code), { decision }))

/** As if the last poll had been `seconds` earlier. */
export const agePoll = ({ sql }: Database, seconds: number) => sql`
  update device_authorizations set polled_at = polled_at - make_interval(secs => ${seconds})`

/** As if the device had asked `seconds` earlier. */
export const ageDevice = ({ sql }: Database, user_code: string, seconds: number) => sql`
  update device_authorizations
  set expires_at = expires_at - make_interval(secs => ${seconds}),
    spent_at = spent_at - make_interval(secs => ${seconds})
  where user_code = ${user_code.replace('-', '')}`
