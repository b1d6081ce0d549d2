import { readFileSync } from 'node:fs'
import { assert, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Color,
  contrastOf,
  GROUNDS,
  paletteOf,
  parseColor,
  type Scheme,
  type Shades,
  TEXT_CONTRAST,
} from '../../../src/domain/base/palette.ts'

const SCHEMES = ['light', 'dark'] as const satisfies readonly Scheme[]
const COLORS = integer({ min: 0, max: 0xffffff }).map(
  (value): Color => `#${value.toString(16).padStart(6, '0')}`,
)

/** The pairs of text and ground that a scheme shows. */
const pairsOf = (scheme: Scheme, shades: Shades): readonly (readonly [Color, Color])[] => [
  [shades.on_accent, shades.accent],
  [shades.on_accent, shades.accent_hover],
  [shades.accent_text, shades.accent_soft],
  ...GROUNDS[scheme].map(ground => [shades.accent_text, ground] as const),
]

describe('WCAG 2.2 §1.4.3 – the shades of a brand’s colour', () => {
  it('can be read in both schemes, whatever colour is taken', () => {
    assert(
      property(COLORS, color => {
        const palette = paletteOf(color)
        if ('contrast' in palette) return palette.contrast < 3
        return SCHEMES.flatMap(scheme => pairsOf(scheme, palette[scheme])).every(
          ([text, ground]) => contrastOf(text, ground) >= TEXT_CONTRAST,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('keep the colour itself for the button on the light card', () => {
    expect(paletteOf('#3b5bdb')).toMatchObject({ light: { accent: '#3b5bdb', on_accent: '#ffffff' } })
  })

  it.each(['#ffffff', '#ffd43b', '#eeeeee', '#00ff00'] as const)(
    'are refused where a button cannot be told from the card: %s',
    color => {
      expect(paletteOf(color)).toEqual({ contrast: expect.any(Number) })
    },
  )

  it.each(['#000000', '#7a7a7a', '#767676', '#949494', '#ff0000', '#0000ff'] as const)(
    'are made of %s',
    color => {
      expect(paletteOf(color)).toHaveProperty('light')
    },
  )

  it('stand on the grounds that the style sheet has', () => {
    const style = readFileSync('templates/pages/style.css', 'utf8')
    for (const scheme of SCHEMES) for (const ground of GROUNDS[scheme]) expect(style).toContain(ground)
  })
})

describe('a colour', () => {
  it.each([
    ['#3B5BDB', '#3b5bdb'],
    ['#fff', null],
    ['3b5bdb', null],
    ['#3b5bdb;}', null],
    ['red', null],
    ['', null],
  ])('%s is read as %s', (text, color) => {
    expect(parseColor(text)).toBe(color)
  })
})

describe('WCAG 2.2, "contrast ratio"', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#ffffff', 1],
    ['#777777', '#ffffff', 4.48],
  ] as const)('of %s and %s is %d', (one, other, ratio) => {
    expect(contrastOf(one, other)).toBeCloseTo(ratio, 2)
    expect(contrastOf(other, one)).toBeCloseTo(ratio, 2)
  })
})
