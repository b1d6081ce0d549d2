import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { badge } from '../layout/parts.ts'
import type { ActivityShown, EventShown, KeysShown, SignInShown, TimelineShown } from './answers.ts'
import { eventTable } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import { keyAxis } from './keys.ts'
import {
  accountPath,
  clientPath,
  kept,
  link,
  mono,
  NONE,
  section,
  shown,
  signInPath,
  table,
  timeText,
  titleOf,
  when,
} from './parts.ts'
import { plotFigure } from './plot.ts'
import { marksOf, presentedOf, timelineFigure } from './timeline.ts'

/** A used refresh token that came back, with the sign-in that it ended; null where that is no longer kept. */
export type ReturnedToken = Readonly<{ event: EventShown; signIn: SignInShown | null }>

type Overview = Readonly<{
  hours: 24 | 720
  /** Null, like keys and events, where this server does not offer it. */
  activity: ActivityShown | null
  keys: KeysShown | null
  events: readonly EventShown[] | null
  /** The latest, the newest first, and what happened to the first of them. */
  returned: readonly ReturnedToken[]
  latest: TimelineShown | null
  now: Date
}>

/** Whether all is well, on one page. */
export const consoleOverviewPage = (
  frame: ConsoleFrame,
  { hours, activity, keys, events, returned, latest, now }: Overview,
): Page =>
  consolePage(frame, {
    title: 'Overview',
    lead: html`${spanLink(hours, 24)} · ${spanLink(hours, 720)}${serversOf(activity)}`,
    tab: 'overview',
    content: kept(
      {},
      html`${
        activity === null
          ? html`<p class="muted">This server does not offer its activity.</p>`
          : html`${degradationsOf(activity, now)}${statsOf(activity, hours)}
<div class="grid plots">${plotsOf(activity, hours)}
${degradedSection(activity, hours)}${keys === null ? null : section({ title: 'Signing keys', tools: html`<span class="muted small">${rotationText(keys, now)}</span>`, content: keyAxis(keys.items, now) })}</div>`
      }
${returnedSection(returned, latest)}
${section({ title: 'What changed last', tools: link('/console/events', 'All events'), content: events === null ? html`<p class="muted">This server does not offer its events.</p>` : eventTable(events) })}`,
    ),
  })

const spanLink = (current: number, hours: number): Html =>
  current === hours
    ? html`<strong>${spanText(hours)}</strong>`
    : link(`/console?hours=${hours}`, spanText(hours))

const spanText = (hours: number): string => (hours === 24 ? '24 hours' : '30 days')

const serversOf = (activity: ActivityShown | null): Html | null => {
  const count = activity?.instances ?? null
  return count === null || count === 0 ? null : html` · ${count} ${count === 1 ? 'server' : 'servers'}`
}

/** The plots in their order, with their titles. A series without a number is a plot without one. */
const PLOTS: readonly (readonly [name: string, title: string])[] = [
  ['refreshes', 'Refreshes by verdict'],
  ['sign_ins', 'Sign-ins by outcome'],
  ['grants', 'Tokens by grant'],
  ['endings', 'Sign-ins ended, by reason'],
]

const plotsOf = (activity: ActivityShown, hours: number): readonly Html[] =>
  PLOTS.map(([name, label]) =>
    section({
      title: label,
      tools: html`<span class="muted small">${spanText(hours)}</span>`,
      content: plotFigure({
        ...activity,
        label,
        steps: (hours * 3_600) / activity.bucket_seconds,
        series: activity.series[name] ?? {},
        bands: activity.degradations,
      }),
    }),
  )

const statsOf = (activity: ActivityShown, hours: number): Html => {
  const { living_sign_ins: living, living_sign_ins_yesterday, followers, series } = activity
  const came_back = Object.values(series)
    .flatMap(labels => labels['reused'] ?? [])
    .reduce((sum, each) => sum + each, 0)
  return html`<div class="grid">
${stat('Living sign-ins', living === null ? '–' : numberText(living), growthText(living, living_sign_ins_yesterday))}
${stat('Refreshes a minute', ratePerMinute(activity), p99Text(activity.token_p99_seconds))}
${stat('Used tokens that came back', numberText(came_back), came_back === 0 ? 'none, as it should be' : html`${badge({ kind: 'bad', text: 'look' })} ${link('/console/events?kind=refresh_token.reused', `in ${spanText(hours)}`)}`)}
${stat('Followers of the feed', followers.count === null ? '–' : numberText(followers.count), followersText(followers))}
</div>`
}

const stat = (label: string, value: string, below: Html | string): Html =>
  html`<div class="stat"><span class="muted small">${label}</span><b>${value}</b><span class="muted small">${below}</span></div>`

const numberText = (value: number): string => value.toLocaleString('en')

const growthText = (living: number | null, before: number | null): string => {
  if (living === null) return 'counted every five minutes'
  if (before === null || before === 0) return 'no count of yesterday'
  const percent = Math.round((1000 * (living - before)) / before) / 10
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent)}% since yesterday`
}

/** Of the last step that is over. */
const ratePerMinute = ({ series, bucket_seconds }: ActivityShown): string => {
  const counts = Object.values(series['refreshes'] ?? {}).map(numbers => numbers.at(-2) ?? 0)
  const rate = (60 * counts.reduce((sum, each) => sum + each, 0)) / bucket_seconds
  return numberText(rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10)
}

const p99Text = (seconds: number | null): string =>
  seconds === null ? 'no token was asked for' : `99% of token requests within ${secondsText(seconds)}`

const secondsText = (seconds: number): string =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds} s`

const followersText = ({ count, p99_seconds, most_seconds }: ActivityShown['followers']): string => {
  if (p99_seconds === null || most_seconds === null)
    return count === 0 ? 'no service follows it' : 'no revocation was told'
  const within = `99% told within ${secondsText(p99_seconds)}`
  return most_seconds === p99_seconds ? within : `${within}, the slowest within ${secondsText(most_seconds)}`
}

/** Minutes for which a degradation that is over still stands above the figures. */
const LATELY_MINUTES = 3

/** What does not work now: the degradations whose bands reach to the present. */
const degradationsOf = ({ degradations, bucket_seconds }: ActivityShown, now: Date): Html | null => {
  const isNow = (until: string | null) =>
    until === null || Date.parse(until) > now.getTime() - LATELY_MINUTES * 60_000
  const open = degradations.filter(({ until }) => isNow(until))
  if (open.length === 0) return null
  const unit = bucket_seconds > 3_600 ? 'within this hour' : 'within the last minutes'
  const told = open.map(({ what, from }) => `${titleOf(what)} since ${timeText(from)} UTC`)
  return html`<div class="note warn" role="status"><span>${told.join('; ')} (${unit})</span></div>`
}

/** Rows at most. The table also has the bands that are too narrow to be seen in a plot. */
const DEGRADED_MOST = 6

const degradedSection = ({ degradations }: ActivityShown, hours: number): Html =>
  section({
    title: 'What did not work',
    tools: html`<span class="muted small">${spanText(hours)}</span>`,
    content: table({
      label: 'What did not work',
      head: ['What', 'From (UTC)', 'Until (UTC)'],
      rows: degradations
        .toSorted((one, other) => other.from.localeCompare(one.from))
        .slice(0, DEGRADED_MOST)
        .map(({ what, from, until }) => [html`${titleOf(what)}`, when(from), when(until)]),
      empty: 'Nothing: Postgres, Redis and the mail server answered.',
    }),
  })

/** When the next key is announced. */
const rotationText = ({ rotation_due_at, items }: KeysShown, now: Date): string => {
  if (items.some(({ state }) => state === 'announced')) return 'the next key is announced'
  if (rotation_due_at === null) return 'no rotation is planned'
  const days = Math.round((Date.parse(rotation_due_at) - now.getTime()) / 86_400_000)
  if (days < 0) return 'the next rotation is overdue'
  return days === 0 ? 'next rotation today' : `next rotation in ${days} ${days === 1 ? 'day' : 'days'}`
}

const returnedSection = (returned: readonly ReturnedToken[], latest: TimelineShown | null): Html =>
  section({
    title: 'Ended because a used token came back',
    tools: link('/console/events?kind=refresh_token.reused', 'All of them'),
    content: html`${latest === null ? null : timelineFigure(marksOf(latest), latest.sign_in.state === 'living')}
${table({
  label: 'Used tokens that came back',
  head: ['When (UTC)', 'Person', 'Client', 'From', 'What happened', 'More'],
  rows: returned.map(({ event, signIn }) => [
    when(event.at),
    event.sub === null ? NONE : link(accountPath(event.sub), shown(signIn?.email ?? 'account')),
    event.client_id === null ? NONE : link(clientPath(event.client_id), shown(event.client_id)),
    mono(event.ip),
    html`${presentedOf(event.details) || 'a used token came back'}`,
    event.sid === null ? NONE : link(signInPath(event.sid), 'Timeline'),
  ]),
  empty:
    'No used token has come back. One that does is a copy in the hands of a stranger, or a client that refreshed twice.',
})}`,
  })
