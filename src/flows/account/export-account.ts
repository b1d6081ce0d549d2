import type { OwnAccount } from '../../domain/account/account.ts'
import { EVENTS_AT_MOST, presentExport } from '../../domain/account/account-export.ts'
import type { AccountLife } from '../../ports/accounts.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Events } from '../../ports/events.ts'
import type { Identities } from '../../ports/identities.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Actor } from '../access/actor.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import { filterBy } from '../events/event-filter.ts'
import type { FactorOverview } from '../factors/factor-overview.ts'

type PersonNeeds = Readonly<{
  accountLife: AccountLife
  identities: Pick<Identities, 'list'>
  factorOverview: Pick<FactorOverview, 'list'>
  events: Pick<Events, 'read' | 'write'>
  clock: Clock
}>

export type ExportPerson = (account: OwnAccount) => Promise<object | null>

/** Ours – Exports everything that the server keeps of a person, and records that. Null: the account was deleted meanwhile. */
export const createExportPerson =
  ({ accountLife, identities, factorOverview, events, clock }: PersonNeeds): ExportPerson =>
  async account => {
    const own = await accountLife.findKept(account.id)
    if (own === null) return null
    const factors = await factorOverview.list(account.id)
    const sign_ins = await accountLife.listSignIns(account.id)
    const browser_sessions = await accountLife.listBrowserSessions(account.id)
    const consents = await accountLife.listConsents(account.id)
    const linked = await identities.list(account.id)
    const told = await events.read({
      filter: filterBy({ sub: account.id }),
      after: null,
      limit: EVENTS_AT_MOST,
    })
    const kept = {
      own,
      factors,
      sign_ins,
      browser_sessions,
      consents,
      identities: linked,
      events: told.events,
    }
    // Before the answer: no such data leaves without an event.
    await events.write([{ kind: 'account.exported', sub: account.id }])
    return presentExport(account, kept, clock())
  }

type Needs = Readonly<{
  exportPerson: ExportPerson
  /** Exports of one account. */
  limit: Limit
}>

export type ExportAccount = (actor: Pick<Actor, 'account'>) => Promise<object>

/** The same at the request of that person, who may ask for it as often as the limit says. */
export const createExportAccount =
  ({ exportPerson, limit }: Needs): ExportAccount =>
  async ({ account }) => {
    await requireAllowance(limit, account.id)
    return requireUnchanged(await exportPerson(account))
  }
