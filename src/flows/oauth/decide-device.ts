import {
  grantsOf,
  type ScopeAsked,
  scopesAllowed,
  scopesToShow,
  standingsOf,
} from '../../domain/authorization/consent.ts'
import { DEVICE_GRANT, type UndecidedDevice, type UserCode } from '../../domain/authorization/device-code.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { Digest } from '../../domain/base/digest.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Language } from '../../domain/base/language.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { BrowserSession } from '../../domain/sign-in/browser-session.ts'
import type { AskClaims } from '../../domain/sign-in/claims-hook.ts'
import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import type { Consents } from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'
import type { DeviceAuthorizations } from '../../ports/device-authorizations.ts'
import type { Limit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import type { Notices } from '../mail/notices.ts'
import { isRefreshable, signedIn } from './answer-with-code.ts'

type Needs = Readonly<{
  deviceAuthorizations: DeviceAuthorizations
  clients: Clients
  consents: Consents
  /** SCOPES_FILE, as it is now. */
  scopes: () => ScopeCatalogue
  notices: Pick<Notices, 'deviceAllowed'>
  askClaims: AskClaims
  /** RFC 8628 §5.1 – Codes that may be tried from one address, and in one browser session. */
  userCodeLimit: Limit
}>

/** A device that waits, as its page shows it. */
export type AskingDevice = Readonly<{
  device: UndecidedDevice
  client: Client
  scopes: readonly ScopeAsked[]
}>

type Typed = Readonly<{ user_code: UserCode; session: BrowserSession; ip: string }>

/** What the page had shown when its form was sent. */
type Decision = Readonly<{
  digest: Digest<'device_code'>
  client_id: string
  scope: readonly string[]
  audience: readonly string[]
  /** The optional scopes that the page had a box for. */
  choices: readonly string[]
  /** The scopes that the form names. */
  ticked: readonly string[]
  /** Where the device has asked from. */
  device: RequestSource
  session: BrowserSession
  language: Language
  request_id: string
}>

/** `over`: the device is decided on by now, expired, or of a client that may not ask any more. */
type DecidedDevice = 'allowed' | 'denied' | 'over'

/** RFC 8628 §3.3 – A person who is signed in looks at what a device asks for, and decides. */
export const createDecideDevice = (needs: Needs) => ({
  /** Null for a code that leads to nothing. Each look counts, before the code is looked up: guesses at once are counted too. */
  find: async ({ user_code, session, ip }: Typed): Promise<AskingDevice | null> => {
    const { userCodeLimit, deviceAuthorizations, consents, scopes } = needs
    await requireAllowance(userCodeLimit, limitKeyOf(ip))
    await requireAllowance(userCodeLimit, session.id)
    const device = await deviceAuthorizations.findUndecided(user_code)
    const client = device && (await findClient(needs, device.client_id))
    if (device === null || client === null) return null
    const consent = await consents.find({ user_id: session.account.id, client_id: client.client_id })
    const asked = { scope: device.scope.split(' '), resources: device.audience }
    const catalogue = scopes()
    const standings = standingsOf(asked, { consent, catalogue })
    return { device, client, scopes: scopesToShow(standings, { catalogue, isAskedAgain: true }) }
  },

  allow: async (decision: Decision): Promise<DecidedDevice> => {
    const { deviceAuthorizations, askClaims } = needs
    const { digest, session, client_id } = decision
    const client = await findClient(needs, client_id)
    if (client === null) return 'over'
    const scope = scopesAllowed(decision.scope, decision)
    if (scope.length === 0) return deny(needs, digest)
    const grant = { client_id, scope: scope.join(' ') }
    const claims = await askClaims({ ...grant, audience: decision.audience, ...signedIn(session) })
    const isAllowed = await deviceAuthorizations.allow({
      ...grant,
      digest,
      user_id: session.account.id,
      session_id: session.id,
      consent_version: client.first_party ? null : await grantConsent(needs, decision, scope),
      isRefreshable: isRefreshable({ scope }, client),
      claims,
    })
    if (!isAllowed) return 'over'
    tellOwner(needs, decision)
    return 'allowed'
  },

  deny: ({ digest }: Pick<Decision, 'digest'>): Promise<DecidedDevice> => deny(needs, digest),
})

export type DecideDevice = ReturnType<typeof createDecideDevice>

const deny = async (
  { deviceAuthorizations }: Needs,
  digest: Digest<'device_code'>,
): Promise<DecidedDevice> => ((await deviceAuthorizations.deny(digest)) ? 'denied' : 'over')

/** Null where the client may not sign people in on devices, by its registration as it is now. */
const findClient = async ({ clients }: Needs, client_id: string): Promise<Client | null> => {
  const client = await clients.find(client_id)
  return client?.grant_types.includes(DEVICE_GRANT) ? client : null
}

/** The version of the consent. No consent has version -1: the approval of an account that is gone is refused by it. */
const grantConsent = async (
  { consents }: Needs,
  { session, client_id, scope: asked, audience }: Decision,
  scope: readonly string[],
): Promise<number> => {
  const declined = asked.filter(each => !scope.includes(each))
  const consent = await consents.grant({
    user_id: session.account.id,
    credential_epoch: session.account.credential_epoch,
    client_id,
    granted: grantsOf(scope, audience),
    declined: grantsOf(declined, audience),
  })
  return consent?.version ?? -1
}

const tellOwner = (
  { notices }: Needs,
  { session, client_id, device, language, request_id }: Decision,
): void => {
  const about = { request_id, sub: session.account.id, client_id }
  notices.deviceAllowed(session.account, { source: device, language, about })
}
