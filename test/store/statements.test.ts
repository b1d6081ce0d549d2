import { randomBytes } from 'node:crypto'
import { loadModule } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { linkTokenOf } from '../../src/domain/account/email-link.ts'
import type { PasswordDigest } from '../../src/domain/account/password-digest.ts'
import { EMPTY_PROFILE } from '../../src/domain/account/profile.ts'
import { CODE_VERDICTS } from '../../src/domain/authorization/authorization-code.ts'
import { logoUriDigestOf } from '../../src/domain/authorization/client-logo.ts'
import { type DeviceCode, userCodeOf } from '../../src/domain/authorization/device-code.ts'
import type { PushedRequestUri } from '../../src/domain/authorization/pushed-request.ts'
import { digestOf, type Plain } from '../../src/domain/base/digest.ts'
import { errorCodeOf } from '../../src/domain/base/error-code.ts'
import { redirectHostRefusal } from '../../src/domain/clients/registration-refusals.ts'
import { CEREMONY_PURPOSES, ceremonyHandleOf } from '../../src/domain/factors/ceremony.ts'
import { digestOfRecoveryCode, recoveryCodeOf } from '../../src/domain/factors/recovery-code.ts'
import { seal } from '../../src/domain/factors/sealed-secret.ts'
import type { Delivery } from '../../src/domain/outbound/delivery.ts'
import { refreshTokenAt } from '../../src/domain/sign-in/refresh-token.ts'
import { REFRESH_VERDICTS } from '../../src/domain/sign-in/refresh-verdict.ts'
import { filterBy } from '../../src/flows/events/event-filter.ts'
import { createAccountAdministration } from '../../src/store/accounts/account-administration.ts'
import { createAccountLife } from '../../src/store/accounts/account-life.ts'
import { createAccounts } from '../../src/store/accounts/accounts.ts'
import { createAssertedAccounts } from '../../src/store/accounts/asserted-accounts.ts'
import { createAdministeredAccounts } from '../../src/store/admin/administered-accounts.ts'
import { createAdministeredSignIns } from '../../src/store/admin/administered-sign-ins.ts'
import { createAdministeredClients } from '../../src/store/clients/administered-clients.ts'
import { createClientChanges } from '../../src/store/clients/client-changes.ts'
import { createClientLogos } from '../../src/store/clients/client-logos.ts'
import { createClientRegistrations } from '../../src/store/clients/client-registrations.ts'
import { createRegistrationRefusals } from '../../src/store/clients/registration-refusals.ts'
import { createRegistrationRows } from '../../src/store/clients/registration-rows.ts'
import { createRegistrationTokens } from '../../src/store/clients/registration-tokens.ts'
import { createSpentAssertions } from '../../src/store/clients/spent-assertions.ts'
import { createSpentProofs } from '../../src/store/clients/spent-proofs.ts'
import { createAuthorizationCodes } from '../../src/store/codes/authorization-codes.ts'
import { createDeviceAuthorizations } from '../../src/store/codes/device-authorizations.ts'
import { createPushedRequests } from '../../src/store/codes/pushed-requests.ts'
import { createConsents } from '../../src/store/consents/consents.ts'
import { createDeliveries } from '../../src/store/deliveries/deliveries.ts'
import { createEventDeliveries } from '../../src/store/deliveries/event-deliveries.ts'
import { endRestored } from '../../src/store/end-restored.ts'
import { createActivityCounts } from '../../src/store/events/activity-counts.ts'
import { createEvents } from '../../src/store/events/events.ts'
import { createRetainEvents } from '../../src/store/events/retain-events.ts'
import { createCeremonies } from '../../src/store/factors/ceremonies.ts'
import { createFactors } from '../../src/store/factors/factors.ts'
import { FAMILIES_AT_ONCE } from '../../src/store/families/note-unfinished.ts'
import { createRefreshFamilies } from '../../src/store/families/refresh-families.ts'
import { createFinishEndings } from '../../src/store/families/unfinished-endings.ts'
import { createHeartbeat } from '../../src/store/heartbeat.ts'
import { createIdentities } from '../../src/store/identities/identities.ts'
import { createSweep } from '../../src/store/janitor.ts'
import { createAddressees } from '../../src/store/mail/addressees.ts'
import { createEmailLinks } from '../../src/store/mail/email-links.ts'
import { createInvitations } from '../../src/store/mail/invitations.ts'
import { readEventPreparation } from '../../src/store/partitions/event-months.ts'
import type { Database } from '../../src/store/postgres/database.ts'
import { inTransaction } from '../../src/store/postgres/index.ts'
import { createEndings } from '../../src/store/revocations/endings.ts'
import { createRevocationFeed } from '../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../src/store/revocations/revocations.ts'
import { createStatusEntries } from '../../src/store/revocations/status-entries.ts'
import { DISTRIBUTED_TABLES, PLACEMENTS } from '../../src/store/schema/distribution.ts'
import { readMigrations } from '../../src/store/schema/migrations.ts'
import { TABLES } from '../../src/store/schema/privileges.ts'
import { createBrowserSessions } from '../../src/store/sessions/browser-sessions.ts'
import { createSessionExchanges } from '../../src/store/sessions/exchange-session.ts'
import { newCode, newSession, redemptionOf } from '../support/authorization/codes.ts'
import { createDatabaseWithSchema, hasCitus } from '../support/backends.ts'
import {
  FAN_OUTS,
  JUDGED_TRAPS,
  NAMING_TOO,
  NOT_YET,
  SPREAD,
  TOGETHER_TOO,
  UNEXPLAINED,
} from '../support/citus/exceptions.ts'
import { findSpread, isHalfCommitted } from '../support/citus/nodes.ts'
import { readPlan } from '../support/citus/plan.ts'
import { findRefusals, findUntied } from '../support/citus/refusals.ts'
import { findTraps } from '../support/citus/traps.ts'
import { openDatabase } from '../support/database.ts'
import { createLog } from '../support/effects.ts'
import { LIFETIMES, pepperOf } from '../support/families.ts'
import { readSources } from '../support/repository/source.ts'
import { createStatementRecorder, type Recorded, templatesIn } from '../support/statement-recorder.ts'
import { findOffences, findUnqualified } from '../support/statement-rules.ts'

const ID = '00000000-0000-7000-8000-000000000001'
const pepper = pepperOf(randomBytes(32).toString('base64url'))
const password_digest = `$2b$10$${'.'.repeat(53)}` as PasswordDigest
const salt = randomBytes(16)
const token_digest = digestOf(refreshTokenAt({ family_id: ID, user_id: null, salt, generation: 0 }, pepper))
const source = { ip: '127.0.0.1', user_agent: null, request_id: ID }
const secret = seal(randomBytes(20), { owner: ID, nonce: randomBytes(12) }, pepper)
const code = digestOfRecoveryCode(recoveryCodeOf(randomBytes(25)))
const codes = code === null ? [] : [code]
const ceremony = digestOf(ceremonyHandleOf(randomBytes(32)))
const link = digestOf(linkTokenOf(randomBytes(32)))
const spent = digestOf('thumbprint jti' as Plain<'dpop_proof'>)
const claims = { jti: ID, sid: ID, sub: ID, client_id: 'app', iat: 0, exp: 900 }
const account = { id: ID, credential_epoch: 0 }
const change = { account_id: ID, credential_epoch: 0, keep: ID }
const line = {
  ...EMPTY_PROFILE,
  id: ID,
  email: 'a@example.com',
  password_digest,
  roles: [],
  email_verified: true,
  disabled: false,
  created_at: '2026-01-01T00:00:00Z',
  external_id: 'auth0|1',
}

const onOne = createStatementRecorder({ isDistributed: false })
const onCitus = createStatementRecorder({ isDistributed: true })

/** Where a verb is asked: `silent` answers with no rows. */
type Asked = Readonly<{ answering: (typeof onOne)['answering']; silent: Database }>

const many = { found: FAMILIES_AT_ONCE }

const statements = () => [...onOne.statements, ...onCitus.statements]

/** Calls every verb of the store. A test below compares the templates, so that no verb is forgotten. */
const askEverything = async ({ answering }: typeof onOne) => {
  const asked = { answering, silent: answering([]) }
  await askFamilies(asked)
  await askAccounts(asked)
  await askFactors(asked)
  await askMail(asked)
  await askRevocations(asked)
  await askAuthorization(asked)
  await askClients(asked)
  await askDeliveries(asked)
  await askIdentities(asked)
  await askEvents(asked)
  await createSweep(answering([[{ holder: ID }]]), { holder: ID })()
  await createHeartbeat({
    database: answering([]),
    holder: ID,
    clock: () => new Date(),
    log: createLog().log,
  }).beat()
  await endRestored(answering([[], [], [], [{ accounts: 0, sign_ins: 0, last_id: null }]]))
}

const askFamilies = async ({ answering, silent }: Asked) => {
  const families = (database: Database) => createRefreshFamilies(database, LIFETIMES)
  const opening = {
    id: ID,
    user_id: ID,
    credential_epoch: 0,
    amr: ['pwd'],
    salt,
    pepper_id: 1,
    token_digest,
    claims: null,
    source,
  }
  const presentation = {
    family_id: ID,
    user_id: ID,
    salt,
    generation: 0,
    digest: token_digest,
    client_id: 'app',
    refresh_transport: 'body',
    sender_key: null,
    scope: null,
    resources: [],
    retry_proof: null,
    grace_seconds: 0,
    successor: { pepper_id: 1, digest: token_digest },
    source,
  } as const
  await families(silent).open({
    ...opening,
    client_id: 'app',
    scope: 'read',
    audience: [],
    refresh_transport: 'body',
    sender_key: null,
  })
  await families(silent).stepUp({ ...opening, replaces: ID })
  await families(silent).findOwner({ family_id: ID, user_id: ID })
  for (const user_id of [ID, null]) {
    const named = { family_id: ID, user_id }
    await families(silent).findLiving({ ...named, salt })
    await families(silent).findCurrent({ ...named, digest: token_digest })
    await families(silent).findAnswered({ ...named, salt, generation: 0, digest: token_digest })
    await families(silent).end({ ...named, salt, client_id: 'app', reason: 'revoked' })
  }
  await families(silent).rotate(presentation)
  await families(silent).rotate({ ...presentation, user_id: null })
  await families(silent).rotate({ ...presentation, grace_seconds: 120 })
  await families(silent).judge(presentation)
  await families(silent).list(ID)
  await families(silent).endSignIn({ id: ID, user_id: ID, reason: 'signed_out' })
  const ending = [[{ user_id: ID }], [{ user_id: ID }]]
  const onFailure = (error: unknown) => {
    throw error
  }
  for (const batches of [
    [[many], []],
    [[], [{ found: 0 }], []],
  ])
    await createFinishEndings(answering([...ending, ...batches]), { access_token_seconds: 900, onFailure })()
}

const askAccounts = async ({ answering, silent }: Asked) => {
  const accounts = createAccounts(silent, LIFETIMES)
  await accounts.create({ id: ID, email: line.email, password_digest, roles: [], language: 'en' })
  await accounts.findByEmail(line.email)
  await accounts.findPerson(ID)
  await accounts.renewDigest({ id: ID, from: password_digest, to: password_digest })
  await accounts.setFirstDigest({ id: ID, password_digest })
  await accounts.endEverySignIn(ID, 'signed_out_everywhere')
  await accounts.endOtherSignIns({ ...account, keep: ID, password_digest, reason: 'password_changed' })
  await accounts.changeProfile({
    id: ID,
    change: { name: 'Ada' },
  })
  const administration = (database: Database) => createAccountAdministration(database, LIFETIMES)
  await administration(silent).find({ id: ID })
  await administration(silent).find({ email: line.email })
  await administration(silent).find({ external_id: 'auth0|1' })
  await askAdministered(silent)
  await createAssertedAccounts(silent).find({ external_id: 'auth0|1' })
  await createAssertedAccounts(silent).find({ verified_email: line.email })
  await administration(silent).create(line)
  await administration(silent).readPage(null, { role: null, disabled: null, email_prefix: null })
  await administration(silent).countSignIns(ID)
  await administration(silent).listSignIns(ID)
  await administration(silent).changeAndSignOut(ID, { reason: 'disabled', isDisabled: true })
  await administration(silent).changeAndSignOut(ID, { reason: 'factors_changed', withoutFactors: true })
  await administration(silent).changeAndSignOut(ID, { reason: 'roles_changed', roles: [] })
  await administration(silent).enable(ID)
  await administration(silent).setRoles(ID, [])
  await administration(silent).setExternalId(ID, 'auth0|1')
  await administration(silent).delete(ID)
  await administration(answering([[{ count: FAMILIES_AT_ONCE }]])).delete(ID)
  await administration(answering([[{ created: 1 }]])).importBatch({
    digest: token_digest,
    accounts: [
      {
        number: 1,
        account: line,
        totp_secret: secret,
      },
    ],
  })
  await createAccountLife(silent, LIFETIMES).delete(account)
  await createAccountLife(silent, LIFETIMES).listSignIns(ID)
  await createAccountLife(silent, LIFETIMES).findKept(ID)
  await createAccountLife(silent, LIFETIMES).listBrowserSessions(ID)
  await createAccountLife(silent, LIFETIMES).listConsents(ID)
}

const askFactors = async ({ silent }: Asked) => {
  const factors = createFactors(silent, LIFETIMES)
  await factors.find(ID)
  await factors.hasPasskey('key')
  await factors.findOwner('key')
  await factors.attemptTotp({ account_id: ID, isKnownDevice: true })
  await factors.spendTotpStep({ account_id: ID, step: 1, resealed: secret, isKnownDevice: true })
  for (const digest of codes) await factors.spendRecoveryCode({ account_id: ID, digest })
  await factors.usePasskey({ account_id: ID, id: 'key', counter: 1, backed_up: false })
  await factors.renamePasskey({ account_id: ID, id: 'key', label: 'key' })
  await factors.replaceRecoveryCodes({ ...account, replaces: null, digests: codes })
  await factors.addTotp({ ...change, secret, step: 1, recovery: codes })
  const passkey = {
    id: 'key',
    public_key: salt,
    counter: 0,
    transports: [],
    backup_eligible: false,
    backed_up: false,
  }
  await factors.addPasskey({ ...change, passkey, label: 'key', recovery: [] })
  await factors.removeTotp(change)
  await factors.removePasskey({ ...change, id: 'key' })
  const ceremonies = createCeremonies(silent)
  for (const purpose of CEREMONY_PURPOSES) {
    const bound = { digest: ceremony, purpose, family_id: null }
    await ceremonies.attempt(bound)
    await ceremonies.begin({ ...bound, account, client_id: 'app', refresh_transport: 'body', payload: salt })
  }
  await ceremonies.attemptUnbound(ceremony)
  await ceremonies.redeem(ceremony)
}

const askMail = async ({ answering, silent }: Asked) => {
  const links = (database: Database) => createEmailLinks(database, LIFETIMES)
  const mailed = { link: { digest: link, seed: salt, pepper_id: 1 }, pepper_ids: [1] }
  await links(silent).issueReset({ email: line.email, ...mailed })
  await links(silent).issueVerification({ account_id: ID, email: line.email, ...mailed })
  await links(silent).issueChange({ ...change, new_email: line.email, ...mailed })
  await links(silent).find(link)
  await links(silent).isConfirmed(link)
  await links(silent).redeemVerification(link)
  const reset = [[], [{ account_id: ID, families: [], found: 0, isFirstProof: true }]]
  await links(answering(reset)).redeemReset({ digest: link, password_digest })
  await links(silent).redeemChange(link)
  const invitations = createInvitations(silent)
  await invitations.invite({ email: line.email, digest: link, valid_seconds: 60 })
  await invitations.withdraw(line.email)
  await invitations.find(link)
  await invitations.redeem({
    id: ID,
    email: line.email,
    digest: link,
    password_digest,
    roles: [],
    language: 'en',
  })
  await createAddressees(silent).findByFamily({ family_id: ID, user_id: ID })
  await createAddressees(silent).findByAccount(ID)
  await createAddressees(silent).rememberLanguage({ id: ID, language: 'en' })
}

const askRevocations = async ({ answering, silent }: Asked) => {
  await createEndings(silent, LIFETIMES).endPerson(ID)
  await createEndings(answering([[{ families: 0 }]]), LIFETIMES).endClient('app')
  const revocations = createRevocations(silent, LIFETIMES)
  await revocations.revokeAccessToken({
    jti: ID,
    family: { family_id: ID, user_id: ID },
    expires_at: new Date(0),
  })
  await revocations.livingAt(claims)
  await revocations.revokeAccessToken({ jti: ID, client_id: 'app', expires_at: new Date(0) })
  const { sid: _, ...ofService } = claims
  await revocations.livingAt(ofService)
  await revocations.findAccount(claims)
  await createRevocationFeed(silent).readSince({ number: 0, tag: ID })
  const feed = [[], [{ number: 0, tag: ID }]]
  await createRevocationFeed(answering(feed)).readAll(() => {})
  await createStatusEntries(answering([[{ idx: 0 }]])).reserve(claims)
  await createStatusEntries(silent).bounds()
  await createStatusEntries(silent).findEnded({
    first: 0,
    size: 8,
    registered: [{ client_id: 'app', mayActForItself: true }],
  })
}

const askClients = async ({ answering, silent }: Asked) => {
  await createSpentAssertions(silent).redeem({ client_id: 'app', jti: ID, expires_at: new Date(0) })
  await createSpentProofs(silent).redeem({ digest: spent, expires_at: new Date(0) })
  const registrations = createClientRegistrations(silent)
  const client = { client_id: 'app', metadata: '{}', client_secret_digest: null }
  await registrations.create(client)
  await registrations.replace({ ...client, version: 1 })
  await registrations.disable('app')
  await registrations.enable('app')
  await registrations.delete('app')
  await registrations.find('app')
  await registrations.readPage(null)
  const administered = createAdministeredClients(silent)
  const secret = digestOf('a secret' as Plain<'client_secret'>)
  await administered.list({ after: null, limit: 1 })
  await administered.addSecret({ client_id: 'app', versions: null, digest: secret, overlap_seconds: 0 })
  await administered.noteUses([{ client_id: 'app', digest: secret }])
  const head = { head_number: 0, head_tag: ID, number: null }
  const changes = createClientChanges(answering([[{ number: 0, tag: ID }], [head]]))
  await changes.readSince(await changes.readPosition())
  await changes.findMany(['app'])
  await changes.readRefusals()
  const registered = createRegistrationRows(silent)
  await registered.add({ ...client, isDisabled: false, event: 'client.registered' })
  await registered.change(client)
  const refusals = createRegistrationRefusals(silent)
  await refusals.add(redirectHostRefusal('agent.example'))
  await refusals.remove(redirectHostRefusal('agent.example'))
  const tokens = createRegistrationTokens(answering([[{ expires_at: new Date(0) }], []]))
  const digest = digestOf('token' as Plain<'initial_access_token'>)
  await tokens.create({ digest, uses: 1, seconds: 1 })
  await tokens.spend(digest)
}

const askIdentities = async ({ silent }: Asked) => {
  const identities = createIdentities(silent, LIFETIMES)
  const identity = { issuer: 'https://provider.example', subject: 'ada', email: 'a@example.com' }
  await identities.findOwner(identity)
  await identities.list(ID)
  const made = { id: ID, identity_id: ID, isEmailVerified: true, roles: [], language: 'en', profile: {} }
  await identities.createAccount({ ...identity, ...made })
  await identities.link({ ...identity, account_id: ID, credential_epoch: 0, id: ID })
  await identities.unlink({ ...change, id: ID, issuers: [] })
}

const askDeliveries = async ({ silent }: Asked) => {
  const deliveries = createDeliveries(silent)
  const delivery: Delivery = {
    user_id: ID,
    id: ID,
    kind: 'backchannel_logout',
    receiver: 'app',
    sid: null,
    number: null,
    attempts: 1,
    seconds_left: 1,
  }
  await deliveries.claim({ except: [], limit: 1 })
  await deliveries.finish(delivery)
  await deliveries.postpone(delivery, 1)
  await deliveries.oldestSeconds()
  const ofEvents = createEventDeliveries(silent)
  await ofEvents.begin()
  await ofEvents.enqueue()
  await ofEvents.claim({ except: [], limit: 1 })
  await ofEvents.postpone(delivery, 1)
  await ofEvents.oldestSeconds()
}

const askEvents = async ({ answering, silent }: Asked) => {
  const events = createEvents(silent)
  const filters = [
    { jti: ID },
    { request_id: ID },
    { sid: ID },
    { sub: ID },
    { ip: '127.0.0.1' },
    { actor: 'system' },
    { client_id: 'app' },
    { kind: 'key.created' },
    { client_id: 'app', kind: 'client.changed' },
    {},
  ] as const
  for (const filter of filters) await events.read({ filter: filterBy(filter), after: null, limit: 1 })
  for (const user_id of [null, ID]) await events.find({ id: ID, user_id })
  await events.write([{ kind: 'key.created' }, { kind: 'key.promoted' }])
  await events.write([{ kind: 'account.exported', sub: ID }])
  await createEvents(answering([[{ id: ID }]])).place()
  await events.readStream({ number: 0, tag: null }, 1)
  await events.readBounds(1)
  const now = new Date()
  await createRetainEvents(answering([[{ now, may_change: true, names: 'events_2020_01' }], [], []]), 400)()
  await readEventPreparation(answering([[{ now, may_read_default: true, names: '' }], []]))
  const activity = createActivityCounts(silent)
  await activity.add(ID, [{ minute_seconds: 0, measure: 'grants', label: 'refresh_token', count: 1 }])
  await activity.read({ hours: 24, now })
}

const askAuthorization = async ({ silent }: Asked) => {
  const person = { user_id: ID, session: { id: ID } }
  const authorizationCode = newCode(person)
  const codes = createAuthorizationCodes(silent, LIFETIMES)
  await codes.issue(authorizationCode)
  await codes.findUnspent(authorizationCode)
  await codes.redeem(redemptionOf(authorizationCode))
  await Promise.all([newCode(person), newCode(person)].map(other => codes.redeem(redemptionOf(other))))
  const device = { digest: digestOf('device' as DeviceCode), user_code: userCodeOf(randomBytes(32)) }
  const devices = createDeviceAuthorizations(silent, LIFETIMES)
  const asked = { ...device, client_id: 'app', scope: 'read', audience: [], source }
  await devices.add(asked)
  await devices.findUndecided(device.user_code)
  const allowed = { ...asked, user_id: ID, session_id: ID, consent_version: null, isRefreshable: true }
  await devices.allow({ ...allowed, claims: null })
  await devices.deny(device.digest)
  await devices.findAllowed(asked)
  await devices.redeem({ ...redemptionOf(authorizationCode), ...asked, isPrepared: true })
  const shown = { digest: digestOf('session' as Plain<'outside_session'>), auth_time: 1, exp: 2 }
  const exchanged = {
    ...redemptionOf(authorizationCode),
    client_id: 'app',
    scope: 'read',
    audience: [],
    source,
    claims: null,
    ...shown,
  }
  const exchanges = createSessionExchanges(silent, LIFETIMES)
  await exchanges.findPerson({ ...exchanged, user_id: ID, external_id: null })
  await exchanges.exchange({ ...exchanged, user_id: ID, external_id: null })
  await exchanges.exchange({ ...exchanged, user_id: null, external_id: 'ada' })
  const pushed = { digest: digestOf('request' as PushedRequestUri), client_id: 'app', parameters: '' }
  await createPushedRequests(silent).push(pushed)
  await createPushedRequests(silent).find(pushed)
  const sessions = createBrowserSessions(silent, { session: LIFETIMES, access_token_seconds: 900 })
  const presented = newSession(ID)
  await sessions.open({ ...presented, id: ID, credential_epoch: 0, amr: [], replaces: presented, source })
  await sessions.find(presented)
  await sessions.findAtClient({ ...presented, client_id: 'app' })
  await sessions.end(presented)
  const logos = createClientLogos(silent)
  const logo = { uri_digest: logoUriDigestOf(''), digest: new Uint8Array(), image: new Uint8Array() }
  await logos.find(logo.uri_digest)
  await logos.claim(logo.uri_digest)
  await logos.keep(logo)
  await logos.postpone(logo.uri_digest)
  await logos.read(logo.digest)
  await sessions.listWithoutSignIn(ID)
  await sessions.endDevice({ user_id: ID, id: ID, keep_session: ID })
  const consents = createConsents(silent, LIFETIMES)
  const party = { user_id: ID, client_id: 'app' }
  await consents.find(party)
  await consents.grant({ credential_epoch: 0, ...party, granted: [] })
  await consents.withdraw({ ...party, reason: 'consent_withdrawn' })
  await consents.list(ID)
}

/** Files with statements on a connection of their own or about the connection, whose templates are not nested. */
const OUTSIDE_THE_VERBS =
  /^src\/store\/(?:postgres\/|migrations\/|read-cluster\.ts$|schema\/(?:distribution|history|privileges)\.ts$)/
/** Templates of drizzle for the defaults of columns, which are in the migrations. */
const OF_THE_SCHEMA =
  /^src\/store\/schema\/(?:factor-|authorization-|device-|client-|delivery-|identity-|event-)?tables\.ts$/

const written = readSources('src/store')
  .filter(({ path }) => !OF_THE_SCHEMA.test(path))
  .flatMap(({ path, text }) => templatesIn(path, text))
const outside = written.filter(({ path }) => OUTSIDE_THE_VERBS.test(path))
const ofVerbs = written.filter(({ path }) => !OUTSIDE_THE_VERBS.test(path))
const migrations = readMigrations().flatMap(({ name, up, down }) =>
  [...up, ...(down ?? [])].map(text => ({ path: `drizzle/${name}`, text })),
)

/** Every exception, with its reason. */
const EXCEPTIONS: readonly string[] = [
  // The order of the feed before docs/decisions/0017, for servers of the version before this one.
  'drizzle/0002_feed pg_current_xact_id()',
  // The watchdog tells its own connection from those whose statements it ends.
  'src/store/postgres/watchdog.ts pg_backend_pid()',
]

/** Each page of administrators, with each filter. */
const askAdministered = async (database: Database) => {
  const page = { after: null, limit: 1 }
  const accounts = createAdministeredAccounts(database, LIFETIMES)
  for (const selection of ['all', 'disabled', 'administrators', 'viewers', { email_prefix: 'a' }] as const)
    await accounts.list({ selection, ...page })
  await accounts.find(ID)
  await accounts.countLiving(ID)
  const named = { id: ID, versions: null }
  for (const change of [{ name: null }, { external_id: null }])
    await accounts.change({ ...named, change }).catch(() => {})
  await accounts.end({ ...named, reason: 'disabled', isDisabled: true })
  await accounts.delete(named)
  const signIns = createAdministeredSignIns(database)
  for (const of of [null, { sub: ID }, { client_id: 'app' }]) await signIns.list({ of, ...page })
  await signIns.find(ID)
  await signIns.findRevokedToken(ID)
}

const offencesOf = ({ path, text }: Readonly<{ path: string; text: string }>): readonly string[] =>
  findOffences(text).map(offence => `${path} ${offence}`)

describe('every statement', () => {
  beforeAll(async () => {
    await loadModule()
    await askEverything(onOne)
    await askEverything(onCitus)
  })

  it('is sent by this test: no template of the store is left out', () => {
    const heads = [...new Set([...onOne.templates, ...onCitus.templates])].map(([head = '']) => head)
    expect(ofVerbs.map(({ head }) => head).toSorted()).toEqual(heads.toSorted())
  })

  it('follows the grammar of Postgres and uses nothing that distributed Postgres or a pooler lacks', () => {
    const texts = [...statements()].map(text => ({ path: text.trim(), text }))
    expect(texts.length).toBeGreaterThan(70)
    const offences = [...texts, ...outside, ...migrations].flatMap(offencesOf)
    expect([...new Set(offences)].toSorted()).toEqual(EXCEPTIONS.toSorted())
  })

  it('notes when the epoch of an account was raised, wherever it is raised', () => {
    const raising = [...statements()].filter(text =>
      /credential_epoch = (?:u\.)?credential_epoch \+ 1/.test(text),
    )
    expect(raising.length).toBeGreaterThan(4)
    expect(raising.filter(text => !text.includes('epoch_raised_at = statement_timestamp()'))).toEqual([])
  })

  it('names its tables with their schema, and gives no CTE the name of a table', () => {
    // A migration runs with its schema as the only one, and its lease and history are values of the statement.
    const isOfMigrations = /\/(?:migrations\/|schema\/history\.ts$)/
    const texts = outside.filter(({ path }) => !isOfMigrations.test(path)).map(({ text }) => text)
    expect([...statements(), ...texts].flatMap(text => findUnqualified(text, TABLES))).toEqual([])
  })
})

/** The file in src/store and the function of each statement that a template with this text makes. */
const ownersOf = (template: string): readonly string[] =>
  written
    .filter(({ text }) => text === template)
    .map(({ path, owner }) => `${path.replace(/^src\/store\/|\.ts$/g, '')} ${owner}`)

const ownersWhere = (has: (text: string) => boolean): readonly string[] => [
  ...new Set(onCitus.recorded.filter(({ text }) => has(text)).flatMap(({ template }) => ownersOf(template))),
]

describe('on Citus, every statement', () => {
  const isUntied = (text: string) => findUntied(text, PLACEMENTS).length > 0
  const isOfPeople = (text: string) => DISTRIBUTED_TABLES.some(table => text.includes(`signet.${table} `))

  it('finds the place of every table', () => {
    expect(Object.keys(PLACEMENTS).toSorted()).toEqual(TABLES.toSorted())
  })

  it('has an owner whose name tells it from others', () => {
    expect(onCitus.recorded.filter(({ template }) => ownersOf(template).length === 0)).toEqual([])
  })

  it('touches one person, has a reason to touch many, or is known not to conform yet', () => {
    const untied = ownersWhere(isUntied).filter(owner => !(owner in FAN_OUTS))
    const refused = ownersWhere(text => findRefusals(text, PLACEMENTS).length > 0)
    expect([...new Set([...untied, ...refused])].toSorted()).toEqual(NOT_YET.toSorted())
  })

  it('with a reason to touch many people does so', () => {
    const untied = new Set(ownersWhere(isUntied))
    expect(Object.keys(FAN_OUTS).filter(owner => !untied.has(owner))).toEqual([])
  })

  it('with a reason to touch many people touches one where it is given the person', () => {
    const tied = ownersWhere(text => !isUntied(text) && isOfPeople(text))
    expect(tied.filter(owner => owner in FAN_OUTS).toSorted()).toEqual(NAMING_TOO.toSorted())
  })

  it('sends the rows of a person to the node of the person alone, or has a reason not to', () => {
    const spread = ownersWhere(text => findSpread(text, PLACEMENTS).length > 0)
    expect(spread.toSorted()).toEqual(Object.keys(SPREAD).toSorted())
  })

  it('with a reason to send rows to every node sends them to one where it is given the person', () => {
    const together = ownersWhere(text => findSpread(text, PLACEMENTS).length === 0)
    expect(together.filter(owner => owner in SPREAD).toSorted()).toEqual(TOGETHER_TOO.toSorted())
  })

  it('commits in two phases where it changes rows of a person and rows of the coordinator', () => {
    expect(ownersWhere(text => isHalfCommitted(text, PLACEMENTS))).toEqual([])
  })

  it('has the result that it has on one Postgres, as far as the rules foretell', () => {
    const trapped = onCitus.recorded.flatMap(({ text, template }) =>
      findTraps(text, PLACEMENTS).flatMap(trap => ownersOf(template).map(owner => `${owner}: ${trap}`)),
    )
    expect([...new Set(trapped)].toSorted()).toEqual(Object.keys(JUDGED_TRAPS).toSorted())
  })
})

describe.skipIf(!hasCitus)('a real Citus', () => {
  /** What Citus does not support, a key that it cannot have, and the three that it finds out too late. */
  const NOT_SUPPORTED = /^(?:0A000|42P10|42601|42P18|XX000)$/

  it('refuses the statements of which the rules say so, and no other', async () => {
    const own = await createDatabaseWithSchema()
    const database = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 60 })
    const isRefused = async ({ text, parameters }: Recorded): Promise<boolean> => {
      const tried = database.run(sql =>
        inTransaction(sql, async held => {
          await Reflect.apply((...query: Parameters<typeof held.unsafe>) => held.unsafe(...query), null, [
            text.replaceAll('signet.', ''),
            [...parameters],
            { prepare: true },
          ])
          throw new Error('undone')
        }),
      )
      const error: unknown = await tried.catch((fault: unknown) => fault)
      return NOT_SUPPORTED.test(errorCodeOf(error) ?? '')
    }
    const wrong: string[] = []
    for (const statement of onCitus.recorded)
      if ((await isRefused(statement)) !== findRefusals(statement.text, PLACEMENTS).length > 0)
        wrong.push(...ownersOf(statement.template))
    expect(wrong).toEqual([])
    await database.close()
    await own.drop()
  }, 120_000)

  it('asks several shards, or sends rows to every node, in the statements of which the rules say so alone', async () => {
    const own = await createDatabaseWithSchema()
    const database = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 60 })
    const [wrong, fanningOut, spreading] = [new Set<string>(), new Set<string>(), new Set<string>()]
    for (const statement of onCitus.recorded) {
      const owners = ownersOf(statement.template)
      // The error of a statement that cannot be explained.
      const plan = await database.run(sql => readPlan(sql, statement)).catch(() => null)
      const isUntied = findUntied(statement.text, PLACEMENTS).length > 0
      if (plan === null || plan.tasks > 1 !== isUntied) for (const owner of owners) wrong.add(owner)
      if (plan !== null && plan.tasks > 1) for (const owner of owners) fanningOut.add(owner)
      if (plan?.isSpread === true) for (const owner of owners) spreading.add(owner)
    }
    expect([...wrong].toSorted()).toEqual(Object.keys(UNEXPLAINED).toSorted())
    const explained = Object.keys(FAN_OUTS).filter(owner => !(owner in UNEXPLAINED))
    expect([...fanningOut].toSorted()).toEqual(explained.toSorted())
    expect([...spreading].toSorted()).toEqual(Object.keys(SPREAD).toSorted())
    await database.close()
    await own.drop()
  }, 120_000)
})

describe('the statement that judges refresh tokens', () => {
  it('gives every verdict of the list, and no other', () => {
    const [judging = ''] = [...statements()].flatMap(text => text.split('end as verdict').slice(0, -1))
    const given = [...judging.matchAll(/(?:then|else) '(\w+)'/g)].map(([, verdict]) => verdict)
    // An unknown family has no row.
    expect(new Set([...given, 'unknown_family'])).toEqual(new Set(Object.keys(REFRESH_VERDICTS)))
  })
})

describe('the statement that judges codes', () => {
  it('gives every verdict of the list, and no other', () => {
    const [judging = ''] = [...statements()]
      .filter(text => text.includes('signet.authorization_codes'))
      .flatMap(text => text.split('end as verdict').slice(0, -1))
    const given = [...judging.matchAll(/(?:then|else) '(\w+)'/g)].map(([, verdict]) => verdict)
    // No row is no code.
    expect(new Set([...given, 'unknown_code'])).toEqual(new Set(CODE_VERDICTS))
  })
})

describe('the rules of a statement', () => {
  beforeAll(() => loadModule())

  it.each([
    ['select pg_advisory_lock(1)', 'pg_advisory_lock()'],
    ['select pg_try_advisory_xact_lock(1)', 'pg_try_advisory_xact_lock()'],
    ['select txid_current()', 'txid_current()'],
    ['insert into a values (pg_catalog.pg_current_xact_id())', 'pg_current_xact_id()'],
    ['create table a (b xid8 default pg_current_xact_id())', 'pg_current_xact_id()'],
    ['select pg_snapshot_xmin(pg_current_snapshot())', 'pg_snapshot_xmin()'],
    ['select from a where b = pg_backend_pid()', 'pg_backend_pid()'],
    [`select pg_notify('a', 'b')`, 'pg_notify()'],
    [`select currval('a')`, 'currval()'],
    ['delete from a using b where a.ctid = b.ctid', 'ctid'],
    ['select xmin from a', 'xmin'],
    ['listen a', 'ListenStmt'],
    [`notify a, 'b'`, 'NotifyStmt'],
    ['set search_path to a', 'VariableSetStmt'],
    [`select set_config('a', 'b', false)`, 'set_config() for the session'],
    ['discard all', 'DiscardStmt'],
    ['prepare a as select 1', 'PrepareStmt'],
    ['declare a cursor for select 1', 'DeclareCursorStmt'],
    ['lock table a', 'LockStmt'],
    ['create temporary table a (b int)', 'a temporary table'],
    ['with a as (update b set c = 1) delete from b', 'b is changed twice'],
    ['with a as (insert into b values (1)), c as (update b set d = 1) select', 'b is changed twice'],
  ])('refuse %s', (text, offence) => {
    expect(findOffences(text)).toContain(offence)
  })

  it.each([
    'with a as (update b set c = 1 returning d) insert into e select d from a on conflict do nothing',
    'select from a for no key update skip locked',
    `select set_config('lock_timeout', '5s', true)`,
    'create table a (b int default 1)',
  ])('allow %s', text => {
    expect(findOffences(text)).toEqual([])
  })

  it('refuse a text that is no statement', () => {
    expect(() => findOffences('select from where')).toThrow('syntax error')
  })

  it.each([
    'select from users',
    'select from signet.accounts join users u on true',
    'with a as (select) select from a, users u',
    'with users as (select) select from users',
    'delete from users where true',
  ])('refuse %s, where tables are named with their schema', text => {
    expect(findUnqualified(text, ['users'])).toHaveLength(1)
  })

  it('allow the CTEs of a statement and the tables of Postgres', () => {
    const text = 'with a as (select) select from a, signet.users u, pg_class for update of u'
    expect(findUnqualified(text, ['users'])).toEqual([])
  })
})

describe('the templates of a source', () => {
  it('are found when they are nested, and after a type argument', () => {
    const source = 'sql<{ a: 1 }[]>`one ${b ? sql`two ${{ c }}` : sql``} three`'
    expect(templatesIn('a', source).map(({ text }) => text)).toEqual(['one x three', 'two x', ''])
  })
})
