import type { Palette, Shades } from '../../domain/base/palette.ts'
import { type Html, html } from './html.ts'

/** An image that Signet serves itself. */
export type Logo = Readonly<{
  bytes: Uint8Array<ArrayBuffer>
  type: 'image/svg+xml' | 'image/png' | 'image/jpeg' | 'image/webp'
  /** Changes with the bytes. */
  version: string
}>

/** What makes the pages those of a product. */
export type Brand = Readonly<{
  name: string
  palette: Palette
  /** Null: the mark of Signet, or the initial of another name. */
  logo: Logo | null
  /** Pages of the operator, null where there is none. */
  terms_url: string | null
  privacy_url: string | null
  support_url: string | null
}>

export const SIGNET = 'Signet'
export const LOGO_PATH = '/brand/logo'
export const ICON_PATH = '/favicon.ico'

/** The name of the product and its sign. */
export const brandOf = ({ name, logo }: Brand): Html =>
  html`<div class="brand">${emblemOf({ name, logo })}<span>${name}</span></div>`

const logoOf = ({ version }: Logo): Html => html`<img src="${LOGO_PATH}?v=${version}" alt="" height="32">`

/** The sign of the product by itself. */
export const emblemOf = ({ name, logo }: Pick<Brand, 'name' | 'logo'>): Html =>
  logo === null ? markOf(name) : logoOf(logo)

const markOf = (name: string): Html =>
  name === SIGNET
    ? html`<span class="mark"><svg viewBox="0 0 32 32" aria-hidden="true">${SEAL}</svg></span>`
    : html`<span class="mark" aria-hidden="true">${initialOf(name)}</span>`

/** A signet ring. */
const SEAL = html`<circle cx="16" cy="18" r="8" stroke-width="2.6"/><path d="M11 8.5h10l-3 3.6h-4z" fill="currentColor" stroke="none"/>`

export const initialOf = (name: string): string => (Array.from(name)[0] ?? '').toUpperCase()

/** The icon of the browser's tab where there is no logo. */
export const faviconOf = ({ name, palette: { light } }: Brand): string => {
  const { accent, on_accent } = light
  const sign =
    name === SIGNET
      ? html`<g fill="none" stroke="${on_accent}" color="${on_accent}">${SEAL}</g>`
      : html`<text x="16" y="22.5" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="19" fill="${on_accent}">${initialOf(name)}</text>`
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="${accent}"/>${sign}</svg>`
    .html
}

/** The properties that a brand changes in the style sheet. */
export const brandStyle = ({ palette: { light, dark } }: Brand): string =>
  `:root{${propertiesOf(light)}}@media(prefers-color-scheme:dark){:root{${propertiesOf(dark)}}}`

const propertiesOf = (shades: Shades): string =>
  Object.entries(shades)
    .map(([name, color]) => `--${name.replaceAll('_', '-')}:${color}`)
    .join(';')
