import { type Config, clientPolicyOf, registrationAudiencesOf } from '../config.ts'
import type { ScopeCatalogue } from '../domain/authorization/scope-catalogue.ts'
import type { LimitName } from '../domain/base/limit-names.ts'
import { registrableScopes, type SelfRegistrationPolicy } from '../domain/clients/self-registration.ts'
import { createDocumentClients } from '../flows/clients/document-clients.ts'
import type { Clients } from '../ports/clients.ts'
import type { Clock, Log } from '../ports/effects.ts'
import type { Limit, RateLimit } from '../ports/limits.ts'
import type { OpenParts } from './open.ts'

type Parts = Readonly<{
  opened: Pick<OpenParts, 'clients' | 'isWithheld' | 'outbound' | 'scopes'>
  limits: (name: LimitName, limit: RateLimit) => Limit
  clock: Clock
  log: Log
}>

/** The clients that are registered here, and behind them those that a document describes, where CLIENT_ID_DOCUMENTS is on. */
export const composeClients = (config: Config, { opened, limits, clock, log }: Parts): Clients => {
  if (config.CLIENT_ID_DOCUMENTS === 'off') return opened.clients
  const audiences = registrationAudiencesOf(config)
  if (audiences.length === 0) log.warn({}, NO_AUDIENCE)
  return createDocumentClients({
    registered: opened.clients,
    isWithheld: opened.isWithheld,
    outbound: opened.outbound,
    limit: limits('client-documents', config.RATE_LIMIT_CLIENT_DOCUMENTS),
    policy: clientPolicyOf(config),
    selfRegistration: createPolicyOf(config, { audiences, scopes: opened.scopes }),
    clock,
  })
}

export const NO_AUDIENCE =
  'CLIENT_ID_DOCUMENTS is on, and the clients of documents get no token: set REGISTRATION_AUDIENCES to the URIs of the services that they may call'

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
