import { z } from 'zod'
import { type Html, html } from '../layout/html.ts'
import type { EventShown, StepShown, TimelineShown } from './answers.ts'
import { plainWordsOf, shown, timeText } from './parts.ts'

/** One thing on the line of a sign-in. */
export type TimelineMark = Readonly<{
  at: string
  kind: 'good' | 'plain' | 'warn' | 'bad'
  text: string
}>

/** What happened to a sign-in, in the order of time: what its row says, and its events. */
export const marksOf = ({ steps, events }: TimelineShown): readonly TimelineMark[] => {
  const isEndTold = events.some(({ kind }) => ENDINGS.has(kind))
  const own = steps.filter(({ step }) => step !== 'ended' || !isEndTold).map(markOfStep)
  const told = events.filter(({ kind }) => kind !== 'sign_in.opened').map(markOf)
  return [...own, ...told].toSorted((one, other) => one.at.localeCompare(other.at))
}

/** The events that say why a sign-in has ended. */
const ENDINGS: ReadonlySet<string> = new Set([
  'sign_in.ended',
  'refresh_token.reused',
  'refresh_token.forged',
])

const KINDS_OF_STEPS: Readonly<Record<string, TimelineMark['kind']>> = { issued: 'good', ended: 'bad' }

const markOfStep = ({ at, step, count, because }: StepShown): TimelineMark => ({
  at,
  kind: KINDS_OF_STEPS[step] ?? 'plain',
  text: `${plainWordsOf(step)}${count > 1 || step === 'rotated' ? ` ×${count}` : ''}${because === null ? '' : `: ${shown(because)}`}`,
})

const markOf = ({ at, kind, outcome, reason, ip, details }: EventShown): TimelineMark => {
  const from = ip === null ? '' : ` from ${shown(ip)}`
  const why = reason === null ? '' : `: ${plainWordsOf(reason)}`
  const presented = presentedOf(details)
  return {
    at,
    kind: outcome === 'refused' || ENDINGS.has(kind) ? 'bad' : 'plain',
    text: `${plainWordsOf(kind)}${why}${presented === '' ? '' : `: ${presented},`}${from}`,
  }
}

/** Of an event about a refresh token: which one was presented, and which one was current. */
const PRESENTED = z.object({ presented_generation: z.number(), generation: z.number() })

/** Empty for any other event. */
export const presentedOf = (details: unknown): string => {
  const parsed = PRESENTED.safeParse(details)
  if (!parsed.success) return ''
  const { presented_generation, generation } = parsed.data
  return `generation ${presented_generation} presented, current was ${generation}`
}

const WIDTH = 1100
const LEFT = 20
const RIGHT = 1080
/** Marks that the line shows. More would stand on one another. */
const DRAWN_MOST = 12

/** SVG 2 – The life of a sign-in as a line. The table behind it says the same. */
export const timelineFigure = (marks: readonly TimelineMark[], isLiving: boolean): Html => {
  const drawn =
    marks.length > DRAWN_MOST ? [...marks.slice(0, DRAWN_MOST / 2), ...marks.slice(-DRAWN_MOST / 2)] : marks
  if (drawn.length === 0) return html``
  const rows = 4
  const step = drawn.length < 2 ? 0 : (RIGHT - LEFT - 160) / (drawn.length - 1)
  const points = drawn.map((mark, index) => ({
    mark,
    x: Math.round(LEFT + index * step),
    isAbove: index % 2 === 0,
    row: index % rows,
  }))
  const last = points.at(-1)?.x ?? LEFT
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Timeline"><svg class="line" viewBox="0 0 ${WIDTH} 120" role="img" aria-label="What happened to this sign-in: ${drawn.map(({ text }) => text).join(', ')}">
<line class="rest" x1="${LEFT}" x2="${RIGHT}" y1="60" y2="60"/>
<line class="life" x1="${LEFT}" x2="${isLiving ? RIGHT : last}" y1="60" y2="60"/>
${points.map(
  ({ mark, x, row }) => html`<circle class="${mark.kind}" cx="${x}" cy="60" r="7"/>
<text ${anchorAt(x)} y="${LABEL_ROWS[row] ?? 40}">${cut(mark.text)}</text>
<text class="time" ${anchorAt(x)} y="${(LABEL_ROWS[row] ?? 40) + 13}">${timeText(mark.at).slice(5, 16)}</text>`,
)}
</svg></div>`
}

/** Labels take turns above and below the line, so that none stands on its neighbour. */
const LABEL_ROWS: readonly number[] = [38, 82, 12, 106]

/** A label begins at its mark on the left of the line, and ends there on the right. */
const anchorAt = (x: number): Html =>
  x > WIDTH * 0.6
    ? html`x="${Math.min(WIDTH - 4, x + 8)}" text-anchor="end"`
    : html`x="${Math.max(4, x - 8)}"`

const LABEL_MOST = 60
const cut = (text: string): string => (text.length > LABEL_MOST ? `${text.slice(0, LABEL_MOST - 1)}…` : text)
