import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { KeyShown } from './answers.ts'
import { type ChangesShown, changesSection } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import { actionLinks, mono, section, stateBadge, table, when } from './parts.ts'
import { barsFigure } from './plot.ts'

/** The signing keys: when each signs, and for how long verifiers find it. */
export const keysPage = (
  frame: ConsoleFrame,
  { keys, changes, now }: Readonly<{ keys: readonly KeyShown[]; changes: ChangesShown; now: Date }>,
): Page =>
  consolePage(frame, {
    title: 'Signing keys',
    tab: 'keys',
    content: html`${frame.isAdmin ? actionLinks([{ path: '/console/keys/rotate', label: 'Announce a new key' }]) : null}
${section({ title: 'Schedule', content: keyAxis(keys, now) })}
${section({
  title: 'Keys',
  content: table({
    label: 'Signing keys',
    head: [
      'kid',
      'State',
      'Announced (UTC)',
      'Signs from',
      'Signs until',
      'Published until',
      ...(frame.isAdmin ? ['Actions'] : []),
    ],
    rows: keys.map(key => [
      html`<span class="kid">${mono(key.kid)}</span>`,
      stateBadge(key.state),
      when(key.announced_at),
      when(key.signs_from),
      when(key.signs_until),
      when(key.served_until),
      ...(frame.isAdmin ? [actionsOf(key)] : []),
    ]),
    empty: 'No key.',
  }),
})}
${changesSection(changes)}`,
  })

const actionsOf = ({ kid, state }: KeyShown): Html => {
  const path = `/console/keys/${encodeURIComponent(kid)}`
  return actionLinks([
    ...(state === 'signing' ? [{ path: `${path}/retire`, label: 'Retire' }] : []),
    { path: `${path}/revoke`, label: 'Revoke', isDangerous: true },
  ])
}

/** Each key from its first to its last day, on one axis. A key without an end lasts until a little after now. */
export const keyAxis = (keys: readonly KeyShown[], now: Date): Html => {
  const present = now.getTime()
  const bars = keys.map(({ kid, state, announced_at, signs_from, signs_until, served_until }) => {
    const from = timeOf(announced_at ?? signs_from) ?? present
    const until = timeOf(served_until ?? signs_until) ?? present + AFTER_MILLISECONDS
    return { name: kid, state, from, until: Math.max(from, until) }
  })
  return bars.length === 0
    ? html`<p class="muted">No key.</p>`
    : barsFigure({ label: 'Signing keys and their schedule', bars, now: present })
}

const AFTER_MILLISECONDS = 7 * 86_400_000

const timeOf = (time: string | null): number | null => {
  const parsed = time === null ? Number.NaN : Date.parse(time)
  return Number.isNaN(parsed) ? null : parsed
}
