/** A colour as BRAND_COLOR has it: `#rrggbb`, in lower case. */
export type Color = `#${string}`

/** What a brand's colour becomes in one scheme of the pages. */
export type Shades = Readonly<{
  /** The main button. */
  accent: Color
  accent_hover: Color
  /** Text on `accent` and on `accent_hover`. */
  on_accent: Color
  /** The ground of what is selected. */
  accent_soft: Color
  /** Links and selected text, on every ground of the scheme. */
  accent_text: Color
}>

export type Palette = Readonly<Record<Scheme, Shades>>
export type Scheme = keyof typeof GROUNDS

/** The grounds of each scheme, as the style sheet has them, from the one that cards have. */
export const GROUNDS = {
  light: ['#ffffff', '#f6f7f9', '#f1f3f5'],
  dark: ['#161a21', '#0e1116', '#1d222b'],
} as const satisfies Readonly<Record<string, readonly [Color, ...Color[]]>>

const WHITE: Color = '#ffffff'
const BLACK: Color = '#000000'
const INK: Color = '#0b1020'

/** WCAG 2.2 §1.4.3 – Of text. */
export const TEXT_CONTRAST = 4.5
/** WCAG 2.2 §1.4.11 – Of a control against its ground. */
const CONTROL_CONTRAST = 3
/** Ours: of a button against the dark card. A darker one looks switched off. */
const DARK_CONTRAST = 6

export const parseColor = (text: string): Color | null =>
  /^#[\da-f]{6}$/i.test(text) ? `#${text.slice(1).toLowerCase()}` : null

/**
 * WCAG 2.2 §1.4.3, §1.4.11 – The shades of a brand's colour in both schemes; the contrast with white where the colour is too light for a
 * button on the white card. Every text of the answer has a contrast of 4.5:1 or more.
 */
export const paletteOf = (color: Color): Palette | Readonly<{ contrast: number }> => {
  const contrast = contrastOf(color, WHITE)
  if (contrast < CONTROL_CONTRAST) return { contrast }
  const bright = towards(WHITE, color, shade => contrastOf(shade, GROUNDS.dark[0]) >= DARK_CONTRAST)
  return {
    light: { ...buttonOf(color), ...textOf(color, { scheme: 'light', ground_share: 0.92, end: BLACK }) },
    dark: { ...buttonOf(bright), ...textOf(bright, { scheme: 'dark', ground_share: 0.84, end: WHITE }) },
  }
}

/** White where it can be read, for it is what people know. Black can be read wherever white cannot. */
const buttonOf = (accent: Color) => {
  const on_accent = [WHITE, INK].find(text => contrastOf(text, accent) >= TEXT_CONTRAST) ?? BLACK
  const away = on_accent === WHITE ? BLACK : WHITE
  return { accent, accent_hover: mix({ from: accent, to: away, share: 0.12 }), on_accent }
}

type Target = Readonly<{ scheme: Scheme; ground_share: number; end: Color }>

const textOf = (accent: Color, { scheme, ground_share, end }: Target) => {
  const [card] = GROUNDS[scheme]
  const accent_soft = mix({ from: accent, to: card, share: ground_share })
  const isReadable = (text: Color) =>
    [...GROUNDS[scheme], accent_soft].every(ground => contrastOf(text, ground) >= TEXT_CONTRAST)
  return { accent_soft, accent_text: towards(end, accent, isReadable) }
}

const STEPS = 64

/** The colour itself or the first one on the way to `end` that will do. */
const towards = (end: Color, from: Color, isEnough: (shade: Color) => boolean): Color => {
  const shades = Array.from({ length: STEPS }, (_, step) => mix({ from, to: end, share: step / STEPS }))
  return shades.find(isEnough) ?? end
}

type Mixture = Readonly<{ from: Color; to: Color; share: number }>

const mix = ({ from, to, share }: Mixture): Color => {
  const target = channelsOf(to)
  const mixed = channelsOf(from).map((value, index) =>
    Math.round(value + ((target[index] ?? value) - value) * share),
  )
  return `#${Buffer.from(mixed).toString('hex')}`
}

const channelsOf = (color: Color): readonly number[] => [...Buffer.from(color.slice(1), 'hex')]

/** WCAG 2.2, "contrast ratio" – From 1 to 21. */
export const contrastOf = (one: Color, other: Color): number => {
  const [darker = 0, lighter = 0] = [luminanceOf(one), luminanceOf(other)].toSorted((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

/** WCAG 2.2, "relative luminance" */
const luminanceOf = (color: Color): number => {
  const [red = 0, green = 0, blue = 0] = channelsOf(color).map(linear)
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const linear = (channel: number): number => {
  const value = channel / 255
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}
