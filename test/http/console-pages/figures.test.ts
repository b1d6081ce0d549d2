import { describe, expect, it } from 'vitest'
import { EVENT, TIMELINE } from '../../../src/http/console-pages/answers.ts'
import { barsFigure, plotFigure } from '../../../src/http/console-pages/plot.ts'
import { marksOf, timelineFigure } from '../../../src/http/console-pages/timeline.ts'

const FROM = '2026-11-30T00:00:00.000Z'
const MINUTE = { label: 'Sign-ins', from: FROM, bucket_seconds: 60, steps: 1, bands: [] }

/** The texts of an element, in their order. */
const textsOf = (page: string, element: string) =>
  [...page.matchAll(new RegExp(`<${element}\\b[^>]*>([^<]*)<`, 'g'))].map(([, text]) => text)

describe('the plot of numbers over time', () => {
  it('stacks series on one another, and has the same numbers as a table', () => {
    const { html } = plotFigure({ ...MINUTE, steps: 2, series: { signed_in: [1, 3], refused: [3, 1] } })
    // The upper edge of the first series is the lower edge of the second.
    expect(html).toContain('<polygon class="c0" points="44,117 550,47 550,152 44,152"/>')
    expect(html).toContain('<polygon class="c3" points="44,12 550,12 550,47 44,117"/>')
    expect(textsOf(html, 'th')).toEqual(['From (UTC)', 'signed in', 'refused'])
    expect(textsOf(html, 'td')).toEqual(['2026-11-30 00:00', '1', '3', '2026-11-30 00:01', '3', '1'])
  })

  it('says that nothing was counted, and draws one step, and a series that begins late', () => {
    expect(plotFigure({ ...MINUTE, series: {} }).html).toContain('Nothing was counted.')
    expect(plotFigure({ ...MINUTE, series: { signed_in: [0] } }).html).toContain('points="44,152 44,152"')
    const late = plotFigure({ ...MINUTE, steps: 2, series: { signed_in: [1, 1], refused: [1] } }).html
    expect(textsOf(late, 'td')).toEqual(['2026-11-30 00:00', '1', '1', '2026-11-30 00:01', '1', '0'])
  })

  it.each([
    [1, ['0', '1', '2', '3', '4']],
    [3, ['0', '1', '2', '3', '4']],
    [9_999, ['0', '2500', '5000', '7500', '10k']],
    [3_500_000, ['0', '1M', '2M', '3M', '4M']],
  ])('has a scale that is easily read for %d', (most, numbers) => {
    const { html } = plotFigure({ ...MINUTE, series: { signed_in: [most] } })
    expect(textsOf(html, 'text').slice(0, numbers.length)).toEqual(numbers)
  })

  it('names times of the day up to two days, and days beyond', () => {
    const labels = (bucket_seconds: number) =>
      textsOf(
        plotFigure({ ...MINUTE, bucket_seconds, steps: 5, series: { n: [1, 1, 1, 1, 1] } }).html,
        'text',
      ).slice(5)
    expect(labels(34_560)).toEqual(['00:00', '09:36', '19:12', '04:48', '14:24'])
    expect(labels(34_561)).toEqual(['11-30', '11-30', '11-30', '12-01', '12-01'])
  })

  it('draws an outage behind the numbers, within the plot, also one that lasts', () => {
    const bandsOf = (from: string, until: string | null) => {
      const { html } = plotFigure({
        ...MINUTE,
        steps: 3,
        series: { n: [1, 1, 1] },
        bands: [{ what: 'redis_away', from, until }],
      })
      const [, x, width] = /<rect class="band" x="([\d.]+)" y="12" width="(\d+)"/.exec(html) ?? []
      return [Number(x), Number(width)]
    }
    expect(bandsOf('2026-11-30T00:01:00.000Z', null)).toEqual([297, 253])
    expect(bandsOf('2026-11-29T00:00:00.000Z', '2026-11-30T00:01:00.000Z')).toEqual([44, 253])
    // A moment is seen, too.
    expect(bandsOf(FROM, FROM)).toEqual([44, 2])
  })

  it('escapes names of strangers, and adds up', () => {
    const { html } = plotFigure({ ...MINUTE, steps: 2, series: { '<b>\u202e': [1_000, 234] } })
    expect(html).not.toContain('<b>')
    expect(html).toContain('&#60;b&#62;\ufffd')
    expect(html).toContain('<span class="muted">1,234</span>')
  })
})

describe('the bars of keys', () => {
  it('stand on one axis with a line at the present, and are seen however short they are', () => {
    const bars = [
      { name: 'a', state: 'retired', from: 0, until: 50 },
      { name: 'a-name-of-many-letters', state: 'signing', from: 50, until: 50 },
    ]
    const { html } = barsFigure({ label: 'Keys', bars, now: 100 })
    expect(html).toContain('<rect class="key retired" x="90" y="20" width="230"')
    expect(html).toContain('<rect class="key signing" x="320" y="54" width="6"')
    expect(html).toContain('<line class="now" x1="550" x2="550"')
    expect(textsOf(html, 'text')).toEqual([
      'a',
      'retired',
      'a-nam…ers',
      'signing',
      'now',
      '1970-01-01',
      '1970-01-01',
    ])
    expect(barsFigure({ label: 'Keys', bars: [], now: 0 }).html).toContain('<line class="now" x1="90"')
  })
})

describe('the line of a sign-in', () => {
  const event = (minute: number, more: object) =>
    EVENT.parse({
      id: String(minute),
      at: `2026-11-30T00:0${minute}:00.000Z`,
      outcome: 'succeeded',
      details: {},
      ...more,
    })
  const steps = [
    { at: '2026-11-30T00:00:00.000Z', step: 'issued', count: 1, because: null },
    { at: '2026-11-30T00:05:00.000Z', step: 'rotated', count: 1, because: null },
    { at: '2026-11-30T00:09:00.000Z', step: 'ended', count: 1, because: 'An operator ended it.' },
  ]
  const SIGN_IN = { sid: 's', sub: 'u', client_id: 'web', state: 'ended' }
  const marks = (events: readonly object[]) => marksOf(TIMELINE.parse({ sign_in: SIGN_IN, steps, events }))

  it('has the steps of its row and its events, in the order of time', () => {
    const stepped = event(3, { kind: 'sign_in.stepped_up', ip: '192.0.2.1', reason: 'asked_for' })
    expect(marks([event(0, { kind: 'sign_in.opened' }), stepped])).toEqual([
      { at: steps[0]?.at, kind: 'good', text: 'issued' },
      { at: stepped.at, kind: 'plain', text: 'sign in stepped up: asked for from 192.0.2.1' },
      { at: steps[1]?.at, kind: 'plain', text: 'rotated ×1' },
      { at: steps[2]?.at, kind: 'bad', text: 'ended: An operator ended it.' },
    ])
  })

  it('tells its end once, by the event that says why', () => {
    const reused = event(8, {
      kind: 'refresh_token.reused',
      details: { presented_generation: 0, generation: 2 },
    })
    const refused = event(7, { kind: 'sign_in.refused', outcome: 'refused' })
    expect(marks([reused, refused]).map(({ kind, text }) => [kind, text])).toEqual([
      ['good', 'issued'],
      ['plain', 'rotated ×1'],
      ['bad', 'sign in refused'],
      ['bad', 'refresh token reused: generation 0 presented, current was 2,'],
    ])
  })

  it('ends at the last mark, or goes on while the sign-in lives; without a mark there is none', () => {
    const [first] = marks([])
    const drawn = first === undefined ? [] : [first]
    expect(timelineFigure(drawn, true).html).toContain('<line class="life" x1="20" x2="1080"')
    expect(timelineFigure(drawn, false).html).toContain('<line class="life" x1="20" x2="20"')
    expect(timelineFigure([], true).html).toBe('')
  })

  it('draws the first and the last six of many marks, and cuts a long text', () => {
    const many = Array.from({ length: 13 }, (_, index) => ({
      at: FROM,
      kind: 'plain' as const,
      text: `${index} ${'x'.repeat(80)}`,
    }))
    const { html } = timelineFigure(many, true)
    const texts = textsOf(html, 'text').filter(text => text?.includes('x'))
    expect(texts.map(text => text?.split(' ')[0])).toEqual('0 1 2 3 4 5 7 8 9 10 11 12'.split(' '))
    expect(texts[0]).toBe(`0 ${'x'.repeat(57)}…`)
    expect(timelineFigure(many.slice(1), true).html.match(/<circle/g)).toHaveLength(12)
    // The last labels end at their marks, so that they stay within the picture.
    expect(html.match(/text-anchor="end"/g)?.length).toBeGreaterThan(0)
  })
})
