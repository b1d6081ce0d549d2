/** Statements, by the file in src/store and the function or member that has them, that do not follow the rules for Citus. */

/** Statements that touch the rows of many people on purpose, each with the reason. */
export const FAN_OUTS: Readonly<Record<string, string>> = {
  // What runs in the background, for all people.
  'janitor deleteBatch': 'deletes what has expired',
  'janitor createDeleteIdleSessions': 'walks through all browser sessions',
  'end-restored empty': 'ends everything after a restore',
  'end-restored raiseEpochs': 'ends everything after a restore',
  'families/find-families createFindOwner': 'finds the person of a refresh token of version 1',
  'families/unfinished-endings createFinishEndings': 'looks for endings that an instance has left',
  'revocations/endings endSomeOfClient': 'ends the sign-ins of a client',
  'events/place-events isWaiting': 'looks whether events wait for a place',
  'events/place-events placeSome': 'gives places in the stream to the events of all people',
  'events/read-events createReadStream': 'reads the stream by places',
  'partitions/event-months hasLateEvents': 'looks for events without a month of their own',
  'partitions/event-months hasLateRows': 'looks for events without a month of their own',
  'events/retain-events deleteEvents': 'deletes events without a month of their own',
  'events/events insert': 'writes events of several requests together',
  'events/count-living createCountLiving': 'counts a sample of all sign-ins',
  'revocations/status-entries findEnded': 'makes a status list of the tokens of many people',
  'accounts/import-batch carryOut': 'creates many accounts',
  // What administrators ask.
  'accounts/account-administration createReadPage': 'a list of accounts',
  'admin/administered-accounts list': 'a list of accounts',
  'admin/administered-accounts countLiving': 'the sign-ins of a page of accounts',
  'admin/administered-sign-ins list': 'a list of sign-ins',
  'admin/administered-sign-ins find': 'a search by the id of a sign-in',
  'events/read-events createReadPage': 'a list of events',
  'events/read-events find': 'a search by the id of an event',
  'families/find-families createFindLiving': 'reads the sign-in of a refresh token of version 1',
  'families/find-families createFindCurrent': 'reads the sign-in of a refresh token of version 1',
  'families/find-families createFindAnswered': 'reads the sign-in of a refresh token of version 1',
}

/** Those of FAN_OUTS that ask one shard where they are given the person. */
export const NAMING_TOO: readonly string[] = [
  'admin/administered-sign-ins list',
  'events/events insert',
  'events/read-events createReadPage',
  'events/read-events find',
  'families/find-families createFindAnswered',
  'families/find-families createFindCurrent',
  'families/find-families createFindLiving',
  'families/find-families createFindOwner',
]

/** Statements that Citus carries out in another way than one Postgres, each with the reason why the result is the same. */
export const JUDGED_TRAPS: Readonly<Record<string, string>> = {
  'families/refresh-families createEnd: seen_change refresh_families':
    'reads columns that the ending leaves alone',
  'families/grouped-families createEndGrouped: seen_change refresh_families': 'tells no sign-ins that go on',
  'families/unfinished-endings markBatch: seen_change refresh_families':
    'reads families of the new epoch, and ends others',
  'sessions/browser-sessions createEndSession: seen_change refresh_families':
    'reads families with offline_access, and ends others',
  'sessions/session-devices createEndDevice: seen_change refresh_families':
    'tells an ended sign-in by the ending itself',
  'consents/consents withdraw: seen_change refresh_families': 'tells no sign-ins that go on',
  'factors/factor-changes createChange: seen_change passkeys': 'leaves the removed passkey out by its id',
  'factors/factor-changes createChange: seen_change users':
    'unlinking reads the password, which the ending leaves alone',
  'identities/identities createCreateAccount: seen_change users': 'reads the id that it has inserted',
  'mail/invitations createRedeem: seen_change users': 'reads the id that it has inserted',
  'codes/judge-codes createJudgeCodes: seen_change revocations':
    'reads entries of clients, and writes those of sign-ins',
  'accounts/accounts createRegister: seen_change users': 'reads the id that it has inserted',
  'accounts/account-administration createCreate: seen_change users': 'reads the id that it has inserted',
  'clients/client-registrations insertOnce: seen_change clients':
    'ignores `is_taken` where it has inserted the client',
  'clients/client-registrations replace: seen_change clients': 'reads columns that the change leaves alone',
}

/** Statements whose shards the EXPLAIN of Citus does not tell, each with the reason. */
export const UNEXPLAINED: Readonly<Record<string, string>> = {
  'codes/issue-code createIssueCode': 'EXPLAIN plans the query of an insert without its parameters',
  'events/events insert': 'the shards of the inserted rows are not in the plan',
  'partitions/event-months prepareMonth': 'defines a table',
  'partitions/event-months dropMonth': 'defines a table',
}

/**
 * Statements that Citus refuses, or that look for a person in all shards. The test holds this list exact: a statement that follows the rules
 * leaves it, and none may enter.
 */
export const NOT_YET: readonly string[] = []

/** Statements that need every node of Citus, because of the rows that they insert, each with the reason. */
export const SPREAD: Readonly<Record<string, string>> = {
  'clients/administered-clients addSecret': 'an event of no person',
  'clients/client-registrations delete': 'an event of no person',
  'clients/client-registrations insertOnce': 'an event of no person',
  'clients/client-registrations replace': 'an event of no person',
  'clients/client-registrations setDisabled': 'an event of no person',
  'clients/registration-rows change': 'an event of no person',
  'clients/registration-tokens create': 'an event of no person',
  'mail/invitations createRedeem': 'the account is new: no row of the person leads to its node',
  'mail/invitations invite': 'an event of no person',
  'accounts/import-batch carryOut': 'creates many accounts',
  'end-restored tellRestored': 'an event of no person',
  'events/events insert': 'writes events of several requests together',
  'revocations/endings endSomeOfClient': 'ends the sign-ins of a client',
  'revocations/revocations revokeAccessToken': 'an event of no person, for the token of a client itself',
}

/** Those of SPREAD that send their rows to one node where they are given the person. */
export const TOGETHER_TOO: readonly string[] = [
  'events/events insert',
  'revocations/revocations revokeAccessToken',
]
