import { signInEntries } from '../domain/revocations/revocation.ts'
import type { EndReason } from '../domain/sign-in/refresh-family.ts'
import { END_REASON_OF, isEnding } from '../domain/sign-in/refresh-verdict.ts'
import type { AccountLife, Accounts } from '../ports/accounts.ts'
import type { AdministeredAccounts } from '../ports/administration.ts'
import type { AuthorizationCodes, BrowserSessions, Consents } from '../ports/authorization.ts'
import type { Clock, Metrics } from '../ports/effects.ts'
import type { Factors } from '../ports/factors.ts'
import type { Identities } from '../ports/identities.ts'
import type { EmailLinks } from '../ports/mail.ts'
import type {
  BlocklistEntry,
  EndedPerson,
  Endings,
  Revocations,
  WritableBlocklist,
} from '../ports/revocations.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'

type Needs = Readonly<{
  blocklist: WritableBlocklist
  clock: Clock
  metrics: Pick<Metrics, 'ended'>
  access_token_seconds: number
}>

/** What goes on the blocklist, and for how many seconds, and what is counted; null where nothing was ended. */
type Ended = Readonly<{
  entries: readonly BlocklistEntry[]
  seconds: number
  /** Why these sign-ins were ended; null where none was. */
  signIns: Readonly<{ reason: EndReason; count: number }> | null
}> | null

/**
 * Ours – Wraps the verbs that end something in Postgres: when one of them resolves, what it ended is counted, and is on the blocklist too. Postgres
 * has committed by then, and the blocklist never rejects. While Redis is away the ending holds all the same: a blocklist that does
 * not know a token asks Postgres, and the mirror writes what is missing before it says again that nothing is.
 */
export const createBlockEnded = ({ clock, ...needs }: Needs) => {
  const blocking = createBlocking(needs)
  const { blocked, signIns } = blocking
  return {
    ...createBlockAuthorization(blocking),

    accounts: (accounts: Accounts): Accounts => ({
      ...accounts,
      endEverySignIn: (id, reason) =>
        blocked(accounts.endEverySignIn(id, reason), ended => signIns(ended, reason)),
      endOtherSignIns: account =>
        blocked(accounts.endOtherSignIns(account), ended => signIns(ended, account.reason)),
    }),

    accountLife: (accountLife: AccountLife): AccountLife => ({
      ...accountLife,
      delete: account =>
        blocked(
          accountLife.delete(account),
          ended => ended && personEntries({ sub: account.id, reason: 'deleted' }, ended),
        ),
    }),

    factors: (factors: Factors): Factors => ({
      ...factors,
      addTotp: change =>
        blocked(factors.addTotp(change), added => signIns(added && added.ended, 'factors_changed')),
      addPasskey: change =>
        blocked(factors.addPasskey(change), added => signIns(added && added.ended, 'factors_changed')),
      removeTotp: change => blocked(factors.removeTotp(change), ended => signIns(ended, 'factors_changed')),
      removePasskey: change =>
        blocked(factors.removePasskey(change), ended => signIns(ended, 'factors_changed')),
    }),

    links: (links: EmailLinks): EmailLinks => ({
      ...links,
      redeemReset: link =>
        blocked(links.redeemReset(link), reset => signIns(reset && reset.families, 'password_changed')),
    }),

    refreshFamilies: (families: RefreshFamilies): RefreshFamilies => blockFamilies(families, blocking),

    revocations: (revocations: Revocations): Revocations => ({
      ...revocations,
      revokeAccessToken: token =>
        blocked(revocations.revokeAccessToken(token), ({ ended }) => {
          if (ended !== null) return signIns([ended], 'tokens_revoked')
          const seconds = (token.expires_at.getTime() - clock().getTime()) / 1000
          return { entries: [{ kind: 'jti', value: token.jti }], seconds, signIns: null }
        }),
    }),

    endings: (endings: Endings): Endings => ({
      endPerson: sub =>
        blocked(
          endings.endPerson(sub),
          ended => ended && personEntries({ sub, reason: 'revoked_globally' }, ended),
        ),
      endClient: client_id =>
        blocked(endings.endClient(client_id), ({ issued_until, seconds }) => ({
          entries: [{ kind: 'client_id', value: client_id, issued_until }],
          seconds,
          signIns: null,
        })),
    }),
  }
}

const createBlocking = ({ blocklist, metrics, access_token_seconds }: Omit<Needs, 'clock'>) => ({
  /** What `ending` resolves with, once what was ended is counted and on the blocklist. */
  blocked: async <Outcome>(
    ending: Promise<Outcome>,
    endedBy: (outcome: Outcome) => Ended,
  ): Promise<Outcome> => {
    const outcome = await ending
    const ended = endedBy(outcome)
    if (ended === null) return outcome
    if (ended.signIns !== null) metrics.ended(ended.signIns.reason, ended.signIns.count)
    await blocklist.add(ended.entries, ended.seconds)
    return outcome
  },
  signIns: (families: readonly string[] | null, reason: EndReason): Ended =>
    families && {
      entries: signInEntries(families),
      seconds: access_token_seconds,
      signIns: { reason, count: families.length },
    },
  seconds: access_token_seconds,
})

type Blocking = ReturnType<typeof createBlocking>

const createBlockAuthorization = ({ blocked, signIns }: Blocking) => ({
  administeredAccounts: (accounts: AdministeredAccounts): AdministeredAccounts => ({
    ...accounts,
    end: account =>
      blocked(
        accounts.end(account),
        ended => ended && personEntries({ sub: account.id, reason: account.reason }, ended),
      ),
    delete: account =>
      blocked(
        accounts.delete(account),
        ended => ended && personEntries({ sub: account.id, reason: 'deleted' }, ended),
      ),
  }),

  identities: (identities: Identities): Identities => ({
    ...identities,
    unlink: change => blocked(identities.unlink(change), ended => signIns(ended, 'factors_changed')),
  }),

  browserSessions: (sessions: BrowserSessions): BrowserSessions => ({
    ...sessions,
    open: session => blocked(sessions.open(session), opened => signIns(opened && opened.ended, 'signed_out')),
    end: session => blocked(sessions.end(session), ended => signIns(ended, 'signed_out')),
    endDevice: device => blocked(sessions.endDevice(device), ended => signIns(ended, 'signed_out')),
  }),

  codes: (codes: AuthorizationCodes): AuthorizationCodes => ({
    ...codes,
    redeem: redemption =>
      blocked(codes.redeem(redemption), outcome =>
        signIns(
          outcome.verdict === 'replayed' && outcome.family_id !== null ? [outcome.family_id] : null,
          'code_replayed',
        ),
      ),
  }),

  consents: (consents: Consents): Consents => ({
    ...consents,
    withdraw: party => blocked(consents.withdraw(party), ended => signIns(ended, party.reason)),
  }),
})

const blockFamilies = (
  families: RefreshFamilies,
  { blocked, signIns, seconds }: Blocking,
): RefreshFamilies => ({
  ...families,
  stepUp: change =>
    blocked(families.stepUp(change), family => signIns(family && [change.replaces], 'stepped_up')),
  rotate: token =>
    blocked(families.rotate(token), ({ outcome }) =>
      isEnding(outcome) ? signIns([token.family_id], END_REASON_OF[outcome]) : null,
    ),
  judge: token =>
    blocked(families.judge(token), outcome =>
      isEnding(outcome) ? signIns([token.family_id], END_REASON_OF[outcome]) : null,
    ),
  end: family =>
    blocked(families.end(family), ended => {
      // What Postgres did not end, Redis must not: a valid MAC with a foreign salt names the sign-in of another person.
      const isCertain = family.salt === null && family.client_id === null
      // A certain one has ended by now, by another request if not by this one, which may not have told Redis yet.
      const known = isCertain ? { entries: signInEntries([family.family_id]), seconds, signIns: null } : null
      return ended?.has_ended ? signIns([family.family_id], family.reason) : known
    }),
  endSignIn: family => blocked(families.endSignIn(family), ended => signIns(ended, family.reason)),
})

/** Of all that a person has: the sign-ins, and every token that was issued until then. */
const personEntries = (
  { sub, reason }: Readonly<{ sub: string; reason: EndReason }>,
  { issued_until, seconds, families }: EndedPerson,
): Ended => ({
  entries: [{ kind: 'sub', value: sub, issued_until }, ...signInEntries(families)],
  seconds,
  signIns: { reason, count: families.length },
})
