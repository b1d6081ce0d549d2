import { type Command, Option } from 'commander'
import type { Io } from '../terminal/io.ts'
import { type Column, type OutputForm, openRows } from '../terminal/rows.ts'
import { TOLD_EVENT, type ToldEvent } from './admin-answers.ts'
import { followEvents } from './follow-events.ts'
import { parseLimit, readPages } from './read-pages.ts'
import { secondsOf } from './sign-ins-commands.ts'
import { withAdministration } from './with-administration.ts'

type Filter = Readonly<{
  kind?: string
  outcome?: string
  reason?: string
  actor?: string
  sub?: string
  client?: string
  sid?: string
  jti?: string
  ip?: string
  request?: string
}>
type Options = OutputForm &
  Filter &
  Readonly<{ from?: string; until?: string; limit: number; follow?: true; after?: string }>

/** Adds `events`: what happened, and with `--follow` what happens. */
export const addEventsCommand = (program: Command, io: Io): void => {
  program
    .command('events')
    .description('ask a running server what happened, the newest first, or follow what happens')
    .option('--kind <kind>', 'such as sign_in.refused: docs/events.md lists them')
    .option('--outcome <outcome>', 'succeeded or refused')
    .option('--reason <reason>', 'why it was refused, or ended')
    .option('--actor <actor>', 'who did it, such as client:operator or person:<sub>')
    .option('--sub <sub>', 'about one person')
    .option('--client <client_id>', 'at one client')
    .option('--sid <sid>', 'of one sign-in')
    .option('--jti <jti>', 'of one access token')
    .option('--ip <address>', 'from one address')
    .option('--request <id>', 'of one request')
    .option('--from <time>', 'from then on, such as 2026-11-30T07:00:00Z')
    .option('--until <time>', 'before then')
    .option('--limit <count>', 'how many, at most', parseLimit, 50)
    .addOption(
      new Option('--follow', 'print events as they happen, until a signal').conflicts(['from', 'until']),
    )
    .option('--after <place>', 'with --follow: begin behind the event of this number')
    .option('--json', 'print a JSON object a line, for programs')
    .option('--quiet', 'print the ids alone')
    .action((options: Options) => (options.follow ? follow(io, options) : list(io, options)))
}

const list = (io: Io, options: Options) =>
  withAdministration(io, options, async administration => {
    const { from, until, limit: most } = options
    const query = { ...selectionOf(options), from, until }
    const page = { path: '/events', query, item: TOLD_EVENT, most }
    const { items, isMore } = await readPages(administration, page)
    printerOf(io, options)(items)
    if (isMore && io.display !== undefined) io.err(`Only ${most} are shown: --limit shows more.`)
  })

const follow = (io: Io, options: Options) =>
  withAdministration(io, options, async administration => {
    const print = printerOf(io, options)
    const wanted = Object.entries(selectionOf(options)).filter(([, value]) => value !== undefined)
    let last_at: string | null = null
    await followEvents(administration, {
      after: options.after ?? null,
      take: event => {
        last_at = event.at
        const members = membersOf(event)
        if (wanted.every(([name, value]) => members[name] === value)) print([event])
      },
      lost: reason => options.quiet || io.err(`${reason}; trying again`),
      gone: () => io.err(goneLine(last_at)),
    })
  })

/** Said with --quiet too: events may be missing from what was printed. */
const goneLine = (last_at: string | null): string =>
  [
    'the server no longer knows this place in the stream, as after a restored backup: going on with what happens from now on',
    ...(last_at === null ? [] : [`signetd events --from ${last_at} lists the events since the last one`]),
  ].join('; ')

/** The filter by the names of the administration. */
const selectionOf = ({ kind, outcome, reason, actor, sub, client, sid, jti, ip, request }: Filter) => ({
  kind,
  outcome,
  reason,
  actor,
  sub,
  client_id: client,
  sid,
  jti,
  ip,
  request_id: request,
})

const membersOf = (event: ToldEvent): Readonly<Record<string, unknown>> => ({
  ...event,
  actor: actorOf(event),
})

const actorOf = ({ actor }: ToldEvent): string =>
  actor === null ? '-' : [actor.type, actor.id].filter(Boolean).join(':')

const printerOf = (io: Io, { json = false, quiet = false }: Options) =>
  openRows<ToldEvent>(io, { json, quiet, columns: COLUMNS, idOf: ({ id }) => id })

const forPrograms = (head: string, of: Column<ToldEvent>['of']): Column<ToldEvent> => ({
  head,
  of,
  isForPrograms: true,
})

const COLUMNS: readonly Column<ToldEvent>[] = [
  { head: 'AT', of: ({ at }) => secondsOf(at), least: 20 },
  {
    head: 'KIND',
    of: ({ kind, count }) => (count > 1 ? `${kind} ×${count}` : kind),
    least: 24,
    colour: ({ outcome }) => (outcome === 'refused' ? 'yellow' : null),
  },
  { head: 'OUTCOME', of: ({ outcome }) => outcome, isForPrograms: true },
  { head: 'REASON', of: ({ reason }) => reason ?? '-', least: 18, isElastic: true },
  { head: 'ACTOR', of: actorOf, isElastic: true, least: 12 },
  forPrograms('SUB', ({ sub }) => sub ?? '-'),
  { head: 'CLIENT', of: ({ client_id }) => client_id ?? '-', isElastic: true, least: 10 },
  { head: 'FROM', of: ({ ip }) => ip ?? '-', least: 15 },
  { head: 'SID', of: ({ sid }) => sid ?? '-' },
  forPrograms('JTI', ({ jti }) => jti ?? '-'),
  forPrograms('REQUEST', ({ request_id }) => request_id ?? '-'),
  forPrograms('COUNT', ({ count }) => String(count)),
  forPrograms('NUMBER', ({ number }) => String(number ?? '-')),
  forPrograms('ID', ({ id }) => id),
]
