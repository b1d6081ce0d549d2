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
  'events/place-events placeSome': 'gives places in the stream to the events of all people',
  'events/read-events createReadStream': 'reads the stream by places',
  'events/retain-events deleteEvents': 'deletes events without a month of their own',
  'events/events write': 'writes events of several requests together',
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
  'families/refresh-families createEnd': 'ends the sign-in of a refresh token of version 1',
}

/**
 * Statements that Citus refuses, or that look for a person in all shards. The test holds this list exact: a statement that follows the rules
 * leaves it, and none may enter.
 */
export const NOT_YET: readonly string[] = []
