import type { Command } from 'commander'
import { describeDevice } from '../../domain/base/user-agent.ts'
import type { Io } from '../terminal/io.ts'
import { type Column, type OutputForm, openRows, safeJson } from '../terminal/rows.ts'
import { TOLD_ENDED, TOLD_SIGN_IN, type ToldSignIn } from './admin-answers.ts'
import { parseLimit, readPages } from './read-pages.ts'
import { withAdministration } from './with-administration.ts'

type ListOptions = OutputForm & Readonly<{ client?: string; sub?: string; limit: number }>

/** Adds `sign-ins [list]` and `sign-ins end`. */
export const addSignInsCommands = (program: Command, io: Io): void => {
  const signIns = program.command('sign-ins').description('ask a running server about sign-ins, and end them')
  signIns
    .command('list', { isDefault: true })
    .description('print sign-ins, the newest first, with what they are by now and why')
    .option('--client <client_id>', 'of one client')
    .option('--sub <sub>', 'of one person')
    .option('--limit <count>', 'how many, at most', parseLimit, 50)
    .option('--json', 'print a JSON object a line, for programs')
    .option('--quiet', 'print the sids alone')
    .action((options: ListOptions) => listSignIns(io, options))
  signIns
    .command('end')
    .description('end a sign-in: its refresh token is worth nothing from then on')
    .argument('<sid>', 'the sign-in')
    .option('--json', 'print JSON for programs')
    .option('--quiet', 'print nothing')
    .action((sid: string, form: OutputForm) => endSignIn(io, sid, form))
}

const listSignIns = (io: Io, { client: client_id, sub, limit: most, ...form }: ListOptions) =>
  withAdministration(io, form, async administration => {
    const query = { client_id, sub }
    const { items, isMore } = await readPages(administration, {
      path: '/sign-ins',
      query,
      item: TOLD_SIGN_IN,
      most,
    })
    openRows<ToldSignIn>(io, { ...form, columns: COLUMNS, idOf: ({ sid }) => sid })(items)
    if (isMore && io.display !== undefined) io.err(`Only ${most} are shown: --limit shows more.`)
  })

const endSignIn = (io: Io, sid: string, { json = false, quiet = false }: OutputForm) =>
  withAdministration(io, { json, scope: 'signet:admin' }, async ({ post }) => {
    const { ended } = await post(`/sign-ins/${encodeURIComponent(sid)}/end`, TOLD_ENDED)
    if (json) io.out(safeJson({ sid, ended }))
    else if (!quiet) io.out(ended === 0 ? 'The sign-in had ended before.' : 'The sign-in was ended.')
  })

/** A time of the administration without its fraction of a second. */
export const secondsOf = (time: string | null): string => time?.replace(/\.\d+Z$/, 'Z') ?? '-'

const COLUMNS: readonly Column<ToldSignIn>[] = [
  { head: 'SIGNED IN', of: ({ created_at }) => secondsOf(created_at) },
  { head: 'STATE', of: ({ state }) => state, colour: ({ state }) => (state === 'living' ? 'green' : 'red') },
  { head: 'WHY', of: ({ reason }) => reason ?? '-', isElastic: true },
  { head: 'EMAIL', of: ({ email }) => email, isElastic: true },
  { head: 'CLIENT', of: ({ client_id }) => client_id, isElastic: true },
  { head: 'LAST USED', of: ({ last_used_at }) => secondsOf(last_used_at) },
  { head: 'FROM', of: ({ ip }) => ip ?? '-' },
  { head: 'DEVICE', of: ({ user_agent }) => describeDevice(user_agent), isElastic: true },
  { head: 'REFRESHED', of: ({ generation }) => String(generation), isForPrograms: true },
  { head: 'ENDED', of: ({ ended_at }) => secondsOf(ended_at), isForPrograms: true },
  { head: 'SUB', of: ({ sub }) => sub, isForPrograms: true },
  { head: 'SID', of: ({ sid }) => sid },
]
