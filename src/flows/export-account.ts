import { presentExport } from '../domain/account-export.ts'
import type { Clock, Limit } from '../ports.ts'
import type { AccountLife } from '../ports/account-life.ts'
import type { Bearer } from './bearer.ts'
import { consume } from './consume.ts'

type Needs = Readonly<{ accountLife: AccountLife; clock: Clock /** For one person. */; limit: Limit }>

export type ExportAccount = (bearer: Bearer) => Promise<ReturnType<typeof presentExport>>

/** Ours – Everything that is kept of a person, for the person. */
export const createExportAccount =
  ({ accountLife, clock, limit }: Needs): ExportAccount =>
  async ({ account }) => {
    await consume(limit, account.id)
    return presentExport(account, await accountLife.listSignIns(account.id), clock())
  }
