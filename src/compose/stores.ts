import type { SessionLifetimes } from '../domain/sign-in/browser-session.ts'
import type { Lifetimes } from '../domain/sign-in/refresh-family.ts'
import { absentBlocklist, createRedisBlocklist } from '../ephemeral/blocklist.ts'
import type { RedisConnection } from '../ephemeral/redis.ts'
import type { Clock, Metrics } from '../ports/effects.ts'
import type { Blocklist } from '../ports/revocations.ts'
import { createAccountAdministration } from '../store/accounts/account-administration.ts'
import { createAccountLife } from '../store/accounts/account-life.ts'
import { createAccounts } from '../store/accounts/accounts.ts'
import { createAssertedAccounts } from '../store/accounts/asserted-accounts.ts'
import { createAdministeredAccounts } from '../store/admin/administered-accounts.ts'
import { createAdministeredSignIns } from '../store/admin/administered-sign-ins.ts'
import { createAdministeredClients } from '../store/clients/administered-clients.ts'
import { createClientLogos } from '../store/clients/client-logos.ts'
import { createSpentAssertions } from '../store/clients/spent-assertions.ts'
import { createSpentProofs } from '../store/clients/spent-proofs.ts'
import { createAuthorizationCodes } from '../store/codes/authorization-codes.ts'
import { createDeviceAuthorizations } from '../store/codes/device-authorizations.ts'
import { createPushedRequests } from '../store/codes/pushed-requests.ts'
import { createConsents } from '../store/consents/consents.ts'
import { createDeliveries } from '../store/deliveries/deliveries.ts'
import { createEvents } from '../store/events/events.ts'
import { createCeremonies } from '../store/factors/ceremonies.ts'
import { createFactors } from '../store/factors/factors.ts'
import { createOpenFamily } from '../store/families/open-family.ts'
import { createRefreshFamilies } from '../store/families/refresh-families.ts'
import { createIdentities } from '../store/identities/identities.ts'
import { createAddressees } from '../store/mail/addressees.ts'
import { createEmailLinks } from '../store/mail/email-links.ts'
import { createInvitations } from '../store/mail/invitations.ts'
import type { Database } from '../store/postgres/index.ts'
import { createEndings } from '../store/revocations/endings.ts'
import { createRevocationFeed } from '../store/revocations/revocation-feed.ts'
import { createRevocations } from '../store/revocations/revocations.ts'
import { createStatusEntries } from '../store/revocations/status-entries.ts'
import { createBrowserSessions } from '../store/sessions/browser-sessions.ts'
import { createSessionExchanges } from '../store/sessions/exchange-session.ts'
import { createBlockEnded } from './block-ended.ts'

type Parts = Readonly<{
  database: Database
  redis: RedisConnection | null
  lifetimes: Lifetimes
  session_lifetimes: SessionLifetimes
  clock: Clock
  metrics: Pick<Metrics, 'ended'>
}>

/** The stores in Postgres, and the blocklist in Redis that follows them. */
export const composeStores = ({ database, redis, lifetimes, session_lifetimes, clock, metrics }: Parts) => {
  const blocklist = redis ? createRedisBlocklist(redis) : absentBlocklist
  const { access_token_seconds } = lifetimes
  const blockEnded = createBlockEnded({ blocklist, clock, metrics, access_token_seconds })
  const readable: Blocklist = blocklist
  return {
    accountLife: blockEnded.accountLife(createAccountLife(database, lifetimes)),
    accounts: blockEnded.accounts(createAccounts(database, lifetimes)),
    assertedAccounts: createAssertedAccounts(database),
    openBriefFamily: createOpenFamily(database, {
      ...lifetimes,
      idle_seconds: access_token_seconds,
      max_seconds: access_token_seconds,
    }),
    administration: createAccountAdministration(database, lifetimes),
    administeredAccounts: blockEnded.administeredAccounts(createAdministeredAccounts(database, lifetimes)),
    administeredClients: createAdministeredClients(database),
    administeredSignIns: createAdministeredSignIns(database),
    addressees: createAddressees(database),
    assertions: createSpentAssertions(database),
    blocklist: readable,
    browserSessions: blockEnded.browserSessions(
      createBrowserSessions(database, { session: session_lifetimes, access_token_seconds }),
    ),
    ceremonies: createCeremonies(database),
    codes: blockEnded.codes(createAuthorizationCodes(database, lifetimes)),
    consents: blockEnded.consents(createConsents(database, lifetimes)),
    deliveries: createDeliveries(database),
    deviceAuthorizations: createDeviceAuthorizations(database, lifetimes),
    endings: blockEnded.endings(createEndings(database, lifetimes)),
    events: createEvents(database),
    factors: blockEnded.factors(createFactors(database, lifetimes)),
    identities: blockEnded.identities(createIdentities(database, lifetimes)),
    invitations: createInvitations(database),
    logos: createClientLogos(database),
    links: blockEnded.links(createEmailLinks(database, lifetimes)),
    pushedRequests: createPushedRequests(database),
    refreshFamilies: blockEnded.refreshFamilies(createRefreshFamilies(database, lifetimes)),
    revocationFeed: createRevocationFeed(database),
    revocations: blockEnded.revocations(createRevocations(database, lifetimes)),
    sessionExchanges: createSessionExchanges(database, lifetimes),
    spentProofs: createSpentProofs(database),
    statusEntries: createStatusEntries(database),
  }
}
