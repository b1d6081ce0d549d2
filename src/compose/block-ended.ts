import { signInEntries } from '../domain/revocations/revocation.ts'
import { isEnding } from '../domain/sign-in/refresh-verdict.ts'
import type { AccountLife, Accounts } from '../ports/accounts.ts'
import type { AuthorizationCodes, BrowserSessions, Consents } from '../ports/authorization.ts'
import type { Clock } from '../ports/effects.ts'
import type { Factors } from '../ports/factors.ts'
import type { EmailLinks } from '../ports/mail.ts'
import type {
  BlocklistEntry,
  EndedPerson,
  Endings,
  Revocations,
  WritableBlocklist,
} from '../ports/revocations.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'

type Needs = Readonly<{ blocklist: WritableBlocklist; clock: Clock; access_token_seconds: number }>

/** What goes on the blocklist, and for how many seconds; null where nothing was ended. */
type Ended = Readonly<{ entries: readonly BlocklistEntry[]; seconds: number }> | null

/**
 * Ours – Wraps the verbs that end something in Postgres: when one of them resolves, what it ended is on the blocklist too. Postgres
 * has committed by then, and the blocklist never rejects. While Redis is away the ending holds all the same: a blocklist that does
 * not know a token asks Postgres, and the mirror writes what is missing before it says again that nothing is.
 */
export const createBlockEnded = ({ blocklist, clock, access_token_seconds }: Needs) => {
  const blocking = createBlocking({ blocklist, access_token_seconds })
  const { blocked, signIns } = blocking
  return {
    ...createBlockAuthorization(blocking),

    accounts: (accounts: Accounts): Accounts => ({
      ...accounts,
      endEverySignIn: (id, reason) => blocked(accounts.endEverySignIn(id, reason), signIns),
      endOtherSignIns: account => blocked(accounts.endOtherSignIns(account), signIns),
    }),

    accountLife: (accountLife: AccountLife): AccountLife => ({
      ...accountLife,
      delete: account =>
        blocked(accountLife.delete(account), ended => ended && personEntries(account.id, ended)),
    }),

    browserSessions: (sessions: BrowserSessions): BrowserSessions => ({
      ...sessions,
      open: session => blocked(sessions.open(session), opened => signIns(opened && opened.ended)),
      end: session => blocked(sessions.end(session), signIns),
    }),

    codes: (codes: AuthorizationCodes): AuthorizationCodes => ({
      ...codes,
      redeem: redemption =>
        blocked(codes.redeem(redemption), outcome =>
          // A family that was ended before has its entry already, by the request that ended it or by this one.
          signIns(outcome.verdict === 'replayed' && outcome.family_id !== null ? [outcome.family_id] : null),
        ),
    }),

    consents: (consents: Consents): Consents => ({
      ...consents,
      withdraw: party => blocked(consents.withdraw(party), signIns),
    }),

    factors: (factors: Factors): Factors => ({
      ...factors,
      addTotp: change => blocked(factors.addTotp(change), added => signIns(added && added.ended)),
      addPasskey: change => blocked(factors.addPasskey(change), added => signIns(added && added.ended)),
      removeTotp: change => blocked(factors.removeTotp(change), signIns),
      removePasskey: change => blocked(factors.removePasskey(change), signIns),
    }),

    links: (links: EmailLinks): EmailLinks => ({
      ...links,
      redeemReset: link => blocked(links.redeemReset(link), reset => signIns(reset && reset.families)),
    }),

    refreshFamilies: (families: RefreshFamilies): RefreshFamilies => blockFamilies(families, blocking),

    revocations: (revocations: Revocations): Revocations => ({
      ...revocations,
      revokeAccessToken: token =>
        blocked(revocations.revokeAccessToken(token), ({ ended }) => {
          if (ended !== null) return signIns([ended])
          const seconds = (token.expires_at.getTime() - clock().getTime()) / 1000
          return { entries: [{ kind: 'jti', value: token.jti }], seconds }
        }),
    }),

    endings: (endings: Endings): Endings => ({
      endPerson: sub => blocked(endings.endPerson(sub), ended => ended && personEntries(sub, ended)),
      endClient: client_id =>
        blocked(endings.endClient(client_id), ({ issued_until, seconds }) => ({
          entries: [{ kind: 'client_id', value: client_id, issued_until }],
          seconds,
        })),
    }),
  }
}

const createBlocking = ({ blocklist, access_token_seconds }: Omit<Needs, 'clock'>) => ({
  /** What `ending` resolves with, once the blocklist has what was ended. */
  blocked: async <Outcome>(
    ending: Promise<Outcome>,
    endedBy: (outcome: Outcome) => Ended,
  ): Promise<Outcome> => {
    const outcome = await ending
    const ended = endedBy(outcome)
    if (ended !== null) await blocklist.add(ended.entries, ended.seconds)
    return outcome
  },
  signIns: (families: readonly string[] | null): Ended =>
    families && { entries: signInEntries(families), seconds: access_token_seconds },
})

type Blocking = ReturnType<typeof createBlocking>

const createBlockAuthorization = ({ blocked, signIns }: Blocking) => ({
  browserSessions: (sessions: BrowserSessions): BrowserSessions => ({
    ...sessions,
    open: session => blocked(sessions.open(session), opened => signIns(opened && opened.ended)),
    end: session => blocked(sessions.end(session), signIns),
  }),

  codes: (codes: AuthorizationCodes): AuthorizationCodes => ({
    ...codes,
    redeem: redemption =>
      blocked(codes.redeem(redemption), outcome =>
        // What the code bought has ended by now, by an earlier request if not by this one.
        signIns(outcome.verdict === 'replayed' && outcome.family_id !== null ? [outcome.family_id] : null),
      ),
  }),

  consents: (consents: Consents): Consents => ({
    ...consents,
    withdraw: party => blocked(consents.withdraw(party), signIns),
  }),
})

const blockFamilies = (families: RefreshFamilies, { blocked, signIns }: Blocking): RefreshFamilies => ({
  ...families,
  stepUp: change => blocked(families.stepUp(change), family => signIns(family && [change.replaces])),
  rotate: token =>
    blocked(families.rotate(token), ({ verdict }) => signIns(isEnding(verdict) ? [token.family_id] : null)),
  present: token =>
    blocked(families.present(token), verdict => signIns(isEnding(verdict) ? [token.family_id] : null)),
  end: family =>
    blocked(families.end(family), hasEnded => {
      // What Postgres did not end, Redis must not: a valid MAC with a foreign salt names the sign-in of another person.
      const isCertain = family.salt === null && family.client_id === null && family.user_id === undefined
      // A certain one has ended by now, by another request if not by this one, which may not have told Redis yet.
      return signIns(hasEnded || isCertain ? [family.id] : null)
    }),
})

/** Of all that a person has: the sign-ins, and every token that was issued until then. */
const personEntries = (sub: string, { issued_until, seconds, families }: EndedPerson): Ended => ({
  entries: [{ kind: 'sub', value: sub, issued_until }, ...signInEntries(families)],
  seconds,
})
