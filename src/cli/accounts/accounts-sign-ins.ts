import type { Command } from 'commander'
import { describeDevice } from '../../domain/base/user-agent.ts'
import { PAST_REASONS, type PastSignIn, presentPastSignIn } from '../../domain/sign-in/sign-in-history.ts'
import type { Io } from '../terminal/io.ts'
import { tableLines } from '../terminal/table.ts'
import { getAccount } from './get-account.ts'
import { answer, type Options, withAccounts } from './with-accounts.ts'

/** Adds `accounts sign-ins`: when, from where and at which client an account signed in, and why each sign-in ended. */
export const addAccountsSignInsCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('sign-ins')
    .description('the sign-ins of an account that are still kept, the newest first, and why each one ended')
    .argument('<account>', 'its e-mail or its id')
    .option('--json', 'for machines')
    .action((given: string, options: Options) =>
      withAccounts(io, options, async store => {
        const account = await getAccount(io, given, options, store)
        const signIns = await store.listSignIns(account.id)
        const lines =
          signIns.length === 0 ? [`${account.email} has no sign-in that is still kept`] : rows(signIns)
        answer(io, options, lines.join('\n'), { id: account.id, sign_ins: signIns.map(presentPastSignIn) })
      }),
    )
}

const rows = (signIns: readonly PastSignIn[]) =>
  tableLines([
    ['SIGNED IN', 'LAST USED', 'ENDED', 'FROM', 'DEVICE', 'CLIENT', 'SID', 'WHY IT ENDED'],
    ...signIns.map(({ end_reason, ...signIn }) => [
      moment(signIn.created_at),
      moment(signIn.last_used_at),
      end_reason === null ? 'no' : moment(signIn.ended_at),
      signIn.last_ip ?? '-',
      describeDevice(signIn.last_user_agent),
      signIn.client_id,
      signIn.id,
      end_reason === null ? '' : `${end_reason}: ${PAST_REASONS[end_reason]}`,
    ]),
  ])

const moment = (date: Date | null): string => date?.toISOString().replace(/\.\d+Z$/, 'Z') ?? '-'
