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
}

/**
 * Statements that Citus refuses, or that look for a person in all shards. The test holds this list exact: a statement that follows the rules
 * leaves it, and none may enter.
 */
export const NOT_YET: readonly string[] = [
  // People are found by an address, an external id, a passkey, an identity or a link, which have no table of their own yet.
  'accounts/account-administration createFindAccountLine',
  'accounts/asserted-accounts find',
  'accounts/import-batch carryOut',
  'factors/factors findOwner',
  'factors/factors hasPasskey',
  'identities/identities createCreateAccount',
  'identities/identities findOwner',
  'mail/email-links createFind',
  'mail/email-links createIsConfirmed',
  'mail/email-links createRedeemChange',
  'mail/email-links createRedeemVerification',
  'mail/invitations createRedeem',
  'mail/invitations invite',
  'mail/issue-links issueChange',
  'mail/issue-links issueReset',
  'mail/issue-links issueVerification',
  'mail/redeem-reset createRedeemReset',

  // The caller knows a sign-in by its id alone.
  'families/find-families createFindLiving',
  'mail/addressees findByFamily',
  'revocations/revocations revokeAccessToken',

  // The person of a member of the statement comes from a row that another member reads.
  'codes/redeem-device-code createJudgeDeviceCode',
  'consents/consents withdraw',
  'factors/ceremonies attempt',
  'families/grouped-families createEndGrouped',
  'sessions/exchange-session createJudgeSession',

  // Functions of time and of chance where Citus allows none.
  'accounts/accounts createEndEverySignIn',
  'accounts/accounts createEndOtherSignIns',
  'accounts/delete-person deleteAtOnce',
  'accounts/delete-person deleteInBatches',
  'accounts/end-person endPerson',
  'accounts/people createChangeProfile',
  'admin/change-account createChangeAccount',
  'factors/factor-changes createChange',
  'factors/factors replaceRecoveryCodes',

  // What Citus refuses over all shards: locks, recursion, a sample beside other parameters. `hold` also finds a person by a mailed link.
  'families/end-families hold',
]
