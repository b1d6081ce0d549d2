import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { ActivityShown, EventShown, KeyShown } from './answers.ts'
import { eventTable } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import { keyAxis } from './keys.ts'
import { kept, link, plainWordsOf, section } from './parts.ts'
import { plotFigure, sumOf } from './plot.ts'

type Overview = Readonly<{
  hours: 24 | 720
  /** Each null where this server does not offer it. */
  activity: ActivityShown | null
  keys: readonly KeyShown[] | null
  events: readonly EventShown[] | null
  now: Date
}>

/** Whether all is well, on one page. */
export const consoleOverviewPage = (
  frame: ConsoleFrame,
  { hours, activity, keys, events, now }: Overview,
): Page =>
  consolePage(frame, {
    title: 'Overview',
    lead: html`${spanLink(hours, 24, '24 hours')} · ${spanLink(hours, 720, '30 days')}`,
    tab: 'overview',
    content: kept(
      {},
      html`${
        activity === null
          ? html`<p class="muted">This server does not offer its activity.</p>`
          : html`${statsOf(activity)}${degradationsOf(activity)}
<div class="grid plots">${Object.entries(activity.series).map(([name, series]) => section({ title: titleOf(name), content: plotFigure({ ...activity, label: titleOf(name), series, bands: activity.degradations }) }))}
${keys === null ? null : section({ title: 'Signing keys', tools: link('/console/keys', 'All keys'), content: keyAxis(keys, now) })}</div>`
      }
${section({ title: 'What changed last', tools: link('/console/events', 'All events'), content: events === null ? html`<p class="muted">This server does not offer its events.</p>` : eventTable(events) })}`,
    ),
  })

const spanLink = (current: number, hours: number, label: string): Html =>
  current === hours ? html`<strong>${label}</strong>` : link(`/console?hours=${hours}`, label)

const TITLES: ReadonlyMap<string, string> = new Map([
  ['refreshes', 'Refreshes by verdict'],
  ['verdicts', 'Refreshes by verdict'],
  ['sign_ins', 'Sign-ins by outcome'],
  ['grants', 'Tokens by grant'],
])

const titleOf = (name: string): string => {
  const words = plainWordsOf(name)
  return TITLES.get(name) ?? words.charAt(0).toUpperCase() + words.slice(1)
}

const statsOf = ({ living_sign_ins, instances, series }: ActivityShown): Html => {
  const returned = Object.values(series).flatMap(labels => labels['reused'] ?? [])
  return html`<div class="grid">
${stat('Living sign-ins', living_sign_ins === null ? '–' : living_sign_ins.toLocaleString('en'))}
${stat('Servers', instances === null ? '–' : String(instances))}
${stat('Used tokens that came back', sumOf(returned))}
</div>`
}

const stat = (label: string, value: string): Html =>
  html`<div class="stat"><span class="muted small">${label}</span><b>${value}</b></div>`

const degradationsOf = ({ degradations }: ActivityShown): Html | null => {
  const open = degradations.filter(({ until }) => until === null)
  if (open.length === 0) return null
  return html`<div class="note warn" role="status"><span>${open.map(({ what }) => plainWordsOf(what)).join(', ')}</span></div>`
}
