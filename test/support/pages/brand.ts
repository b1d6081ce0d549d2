import { type Color, type Palette, paletteOf } from '../../../src/domain/base/palette.ts'
import type { Brand } from '../../../src/http/layout/brand.ts'

export const paletteFor = (color: Color): Palette => {
  const palette = paletteOf(color)
  if ('contrast' in palette) throw new Error(`${color} is too light`)
  return palette
}

/** A brand without settings. */
export const BRAND: Brand = {
  name: 'Signet',
  palette: paletteFor('#3b5bdb'),
  logo: null,
  terms_url: null,
  privacy_url: null,
  support_url: null,
}
