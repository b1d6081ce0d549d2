import { type Html, html } from '../layout/html.ts'
import { plainWordsOf, shortName, shown, timeText } from './parts.ts'

/** Numbers of equal steps in time. */
export type Series = Readonly<Record<string, readonly number[]>>

export type Band = Readonly<{ what: string; from: string; until: string | null }>

type Plot = Readonly<{
  label: string
  /** When the first step begins. */
  from: string
  bucket_seconds: number
  /** Steps of the axis of time. */
  steps: number
  series: Series
  /** Drawn behind the numbers. */
  bands: readonly Band[]
}>

const WIDTH = 560
const HEIGHT = 180
const LEFT = 44
const RIGHT = 550
const TOP = 12
const BOTTOM = 152
const TICKS = 4
/** Drawn on top, in the colour of danger: a used token, or a false one, came back. */
const ALARMING: ReadonlySet<string> = new Set(['reused', 'forged', 'reuse', 'code_replayed'])
/** Drawn first, in the colour of the page: what is usual. */
const USUAL: ReadonlySet<string> = new Set(['rotated', 'signed_in', 'signed_out'])
/** Classes of the style sheet for all others, in turns. */
const COLORS = ['c1', 'c3', 'c4', 'c5', 'c6'] as const

/** A series with its colour: that of its name, or of its place among the others. */
type Colored = Readonly<{ name: string; values: readonly number[]; color: string }>

const coloredOf = (series: Series): readonly Colored[] => {
  const rankOf = (name: string) => Number(ALARMING.has(name)) - Number(USUAL.has(name))
  const sorted = Object.entries(series).toSorted(
    ([one], [other]) => rankOf(one) - rankOf(other) || one.localeCompare(other),
  )
  return sorted.map(([name, values], index) => {
    const other = COLORS[index % COLORS.length] ?? COLORS[0]
    const color = (ALARMING.has(name) && 'c2') || (USUAL.has(name) && 'c0') || other
    return { name, values, color }
  })
}

type Scale = Readonly<{ steps: number; most: number; start: number; bucket_seconds: number }>

/** SVG 2 – Stacked areas over time, with a table of the same numbers behind it. */
export const plotFigure = ({ label, from, bucket_seconds, steps, series, bands }: Plot): Html => {
  const named = coloredOf(series)
  const totals = Array.from({ length: steps }, (_, step) =>
    named.reduce((sum, { values }) => sum + (values[step] ?? 0), 0),
  )
  const scale = { steps, most: roundUp(Math.max(TICKS, ...totals)), start: Date.parse(from), bucket_seconds }
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
${bands.map(band => bandOf(band, scale))}
${areasOf(named, scale)}
${gridOf(scale)}
</svg>
<ul class="legend">${named.length === 0 ? html`<li class="muted">Nothing was counted.</li>` : null}${named.map(({ name, values, color }) => html`<li><i class="${color}"></i>${plainWordsOf(name)} <span class="muted">${sumOf(values)}</span></li>`)}${[...new Set(bands.map(({ what }) => what))].map(what => html`<li><i class="band"></i>${plainWordsOf(what)}</li>`)}</ul>
${named.length === 0 ? null : tableOf(named, { label, scale })}`
}

const areasOf = (named: readonly Colored[], scale: Scale): readonly Html[] => {
  let below: readonly number[] = Array.from({ length: scale.steps }, () => 0)
  return named.map(({ values, color }) => {
    const above = below.map((sum, step) => sum + (values[step] ?? 0))
    const line = (sums: readonly number[]) =>
      sums.map((sum, step) => `${xOf(step, scale)},${yOf(sum, scale)}`)
    const points = [...line(above), ...line(below).toReversed()].join(' ')
    below = above
    return html`<polygon class="${color}" points="${points}"/>`
  })
}

const gridOf = (scale: Scale): Html => {
  const lines = Array.from({ length: TICKS + 1 }, (_, tick) => (scale.most / TICKS) * tick)
  const times = [0, 1, 2, 3, 4].map(quarter => Math.round(((scale.steps - 1) / 4) * quarter))
  return html`${lines.map(
    value => html`<line class="grid-line" x1="${LEFT}" x2="${RIGHT}" y1="${yOf(value, scale)}" y2="${yOf(value, scale)}"/>
<text x="${LEFT - 6}" y="${yOf(value, scale) + 4}" text-anchor="end">${shortNumber(value)}</text>`,
  )}
${[...new Set(times)].map((step, index) => html`<text x="${xOf(step, scale)}" y="170" text-anchor="${anchorOf(step, index, scale)}">${axisTime(step, scale)}</text>`)}`
}

/** The first and the last label stay within the picture. */
const anchorOf = (step: number, index: number, { steps }: Scale): string =>
  index === 0 ? 'start' : step === steps - 1 ? 'end' : 'middle'

const bandOf = ({ what, from, until }: Band, scale: Scale): Html => {
  const place = (time: string) =>
    Math.min(
      RIGHT,
      Math.max(LEFT, xOf((Date.parse(time) - scale.start) / 1000 / scale.bucket_seconds, scale)),
    )
  const begin = place(from)
  const end = until === null ? RIGHT : place(until)
  return html`<rect class="band" x="${begin}" y="${TOP}" width="${Math.max(2, Math.round(end - begin))}" height="${BOTTOM - TOP}"><title>${plainWordsOf(what)} since ${timeText(from)}</title></rect>`
}

const tableOf = (
  named: readonly Colored[],
  { label, scale }: Readonly<{ label: string; scale: Scale }>,
): Html => html`<details><summary>As a table</summary><div class="scroll" role="region" tabindex="0" aria-label="${label}, as a table"><table class="rows">
<thead><tr><th scope="col">From (UTC)</th>${named.map(({ name }) => html`<th scope="col">${plainWordsOf(name)}</th>`)}</tr></thead>
<tbody>${Array.from({ length: scale.steps }, (_, step) => html`<tr><td>${timeAt(step, scale).slice(0, 16).replace('T', ' ')}</td>${named.map(({ values }) => html`<td class="num">${values[step] ?? 0}</td>`)}</tr>`)}</tbody>
</table></div></details>`

const xOf = (step: number, { steps }: Scale): number =>
  Math.round((LEFT + ((RIGHT - LEFT) * step) / Math.max(1, steps - 1)) * 10) / 10
const yOf = (value: number, { most }: Scale): number =>
  Math.round((BOTTOM - ((BOTTOM - TOP) * value) / most) * 10) / 10

const timeAt = (step: number, { start, bucket_seconds }: Scale): string =>
  new Date(start + step * bucket_seconds * 1000).toISOString()

/** A time of the day, or a day where the plot has many of them. */
const axisTime = (step: number, scale: Scale): string => {
  const isDays = scale.steps * scale.bucket_seconds > 172_800
  const time = timeAt(step, scale)
  return isDays ? time.slice(5, 10) : time.slice(11, 16)
}

/** The next number of which a quarter is easily read. */
const roundUp = (value: number): number => {
  const unit = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 4, 8, 10].map(factor => factor * unit).find(each => each >= value) ?? value
}

const shortNumber = (value: number): string => {
  if (value >= 1_000_000) return `${Math.round(value / 100_000) / 10}M`
  if (value >= 10_000) return `${Math.round(value / 1_000)}k`
  return String(Math.round(value * 100) / 100)
}

const sumOf = (values: readonly number[]): string =>
  values.reduce((sum, each) => sum + each, 0).toLocaleString('en')

type Bar = Readonly<{ name: string; state: string; from: number; until: number }>

/** Where the bars begin, to the right of their labels. */
const BARS_LEFT = 90
/** In a bar below this width, the word would stand over its end: it stands beside it. */
const WORD_LEAST = 90

/** SVG 2 – Bars on one axis of time, each with its name; a line at the present. */
export const barsFigure = ({
  label,
  bars,
  now,
}: Readonly<{ label: string; bars: readonly Bar[]; now: number }>): Html => {
  const start = Math.min(now, ...bars.map(({ from }) => from))
  const end = Math.max(now, ...bars.map(({ until }) => until))
  const place = (time: number) =>
    Math.round(BARS_LEFT + ((RIGHT - BARS_LEFT) * (time - start)) / Math.max(1, end - start))
  const bottom = 26 + bars.length * 34
  return html`<svg class="plot bars" viewBox="0 0 ${WIDTH} ${bottom + 22}" role="img" aria-label="${label}">
${bars.map(({ name, state, from, until }, index) => {
  const y = 20 + index * 34
  return html`<text x="0" y="${y + 15}">${shortName(name)}</text><rect class="key ${state}" x="${place(from)}" y="${y}" width="${Math.max(6, place(until) - place(from))}" height="22" rx="6"><title>${shown(name)}: ${plainWordsOf(state)}</title></rect>${place(until) - place(from) < WORD_LEAST ? html`<text x="${Math.min(place(until) + 8, RIGHT - WORD_LEAST)}" y="${y + 15}">${plainWordsOf(state)}</text>` : html`<text class="word ${state}" x="${place(from) + 8}" y="${y + 15}">${plainWordsOf(state)}</text>`}`
})}
<line class="now" x1="${place(now)}" x2="${place(now)}" y1="6" y2="${bottom}"/>
<text x="${Math.min(RIGHT - 24, place(now) + 6)}" y="14">now</text>
<line class="grid-line" x1="${BARS_LEFT}" x2="${RIGHT}" y1="${bottom}" y2="${bottom}"/>
<text x="${BARS_LEFT}" y="${bottom + 16}">${dayOf(start)}</text><text x="${RIGHT}" y="${bottom + 16}" text-anchor="end">${dayOf(end)}</text>
</svg>`
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10)
