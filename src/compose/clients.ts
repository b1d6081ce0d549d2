import { type Config, clientPolicyOf, registrationAudiencesOf } from '../config.ts'
import type { ScopeCatalogue } from '../domain/authorization/scope-catalogue.ts'
import type { LimitName } from '../domain/base/limit-names.ts'
import { registrableScopes, type SelfRegistrationPolicy } from '../domain/clients/self-registration.ts'
import { createDocumentClients } from '../flows/clients/document-clients.ts'
import { createRegistration, type Registration } from '../flows/clients/registration.ts'
import { createSelfRegisteredClients } from '../flows/clients/self-registered-clients.ts'
import { systemRandom } from '../platform/random.ts'
import type { Clients } from '../ports/clients.ts'
import type { Clock, Log } from '../ports/effects.ts'
import type { Limit, RateLimit } from '../ports/limits.ts'
import type { Endings } from '../ports/revocations.ts'
import { createRegistrationRows } from '../store/clients/registration-rows.ts'
import { createRegistrationTokens } from '../store/clients/registration-tokens.ts'
import type { OpenParts } from './open.ts'

type Parts = Readonly<{
  opened: OpenParts
  endings: Endings
  limits: (name: LimitName, limit: RateLimit) => Limit
  clock: Clock
  log: Log
}>

/**
 * The clients that are registered here, behind them those that have registered themselves, and behind those the ones that a document describes,
 * where CLIENT_ID_DOCUMENTS is on.
 */
export const composeClients = (
  config: Config,
  { opened, endings, limits, clock, log }: Parts,
): Readonly<{ clients: Clients; registration: Registration }> => {
  const { CLIENT_ID_DOCUMENTS, REGISTRATION, ISSUER: issuer } = config
  const audiences = registrationAudiencesOf(config)
  if (audiences.length === 0 && (CLIENT_ID_DOCUMENTS === 'on' || REGISTRATION !== 'off'))
    log.warn({}, NO_AUDIENCE)
  const policy = clientPolicyOf(config)
  const selfRegistration = createPolicyOf(config, { audiences, scopes: opened.scopes })
  const refusals = opened.refusedRegistrations
  const rows = createRegistrationRows(opened.database)
  const keys = opened.clientIdKeys
  const around = { issuer, policy, selfRegistration, refusals, rows, clock }
  const registered =
    keys === null
      ? opened.clients
      : createSelfRegisteredClients({
          ...around,
          registered: opened.clients,
          findRegistration: opened.findRegistration,
          keys,
        })
  const registration = createRegistration({
    ...around,
    mode: REGISTRATION,
    keys,
    tokens: createRegistrationTokens(opened.database),
    endings,
    lookNow: opened.lookForClients,
    limit: limits('client-registrations', config.RATE_LIMIT_CLIENT_REGISTRATIONS),
    changeLimit: limits('registration-changes', config.RATE_LIMIT_REGISTRATION_CHANGES),
    random: systemRandom,
  })
  if (CLIENT_ID_DOCUMENTS === 'off') return { clients: registered, registration }
  const clients = createDocumentClients({
    registered,
    isWithheld: opened.isWithheld,
    outbound: opened.outbound,
    limit: limits('client-documents', config.RATE_LIMIT_CLIENT_DOCUMENTS),
    policy,
    selfRegistration,
    clock,
  })
  return { clients, registration }
}

export const NO_AUDIENCE =
  'CLIENT_ID_DOCUMENTS or REGISTRATION is on, and clients that no operator has registered get no token: set REGISTRATION_AUDIENCES to the URIs of the services that they may call'

type Source = Readonly<{ audiences: readonly string[]; scopes: () => ScopeCatalogue }>

/** The same object until SCOPES_FILE is read again. */
const createPolicyOf = (
  { REGISTRATION_SCOPES, DYNAMIC_CLIENT_GRACE_SECONDS: refresh_grace_seconds }: Config,
  { audiences, scopes }: Source,
) => {
  const made = new WeakMap<ScopeCatalogue, SelfRegistrationPolicy>()
  return (): SelfRegistrationPolicy => {
    const catalogue = scopes()
    const known = made.get(catalogue)
    if (known !== undefined) return known
    const policy = {
      audiences,
      scopes: registrableScopes(REGISTRATION_SCOPES, catalogue.keys()),
      refresh_grace_seconds,
    }
    made.set(catalogue, policy)
    return policy
  }
}
