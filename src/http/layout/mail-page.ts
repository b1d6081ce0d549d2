import type { Paragraph } from '../../domain/account/letter.ts'
import { directionOf, type Language } from '../../domain/base/language.ts'
import { type Brand, initialOf, type Logo } from './brand.ts'
import { type Html, html } from './html.ts'

type Words = Readonly<{ language: Language; subject: string; paragraphs: readonly Paragraph[] }>
type MailPage = Readonly<{ text: string; logo: Logo | null }>

/** Images that mail programs show: neither an SVG nor a WebP is among them everywhere. */
const SHOWN = new Set<Logo['type']>(['image/png', 'image/jpeg'])

/** The name by which the HTML of a mail shows the logo that comes with it (RFC 2392). */
const LOGO = 'cid:logo'

const INK = '#161a21'
const MUTED = '#5b6472'

/**
 * Ours – A mail in the look of the pages: the name, the logo and the colour of the brand. Mail programs drop style sheets, so that each
 * element has its style with it; and they fetch nothing, because the one image comes along.
 */
export const createMailPage = (brand: Brand): ((words: Words) => MailPage) => {
  const logo = brand.logo !== null && SHOWN.has(brand.logo.type) ? brand.logo : null
  const { accent } = brand.palette.light
  const sign =
    logo === null
      ? initial(brand)
      : html`<img src="${LOGO}" alt="" height="32" style="height:32px;vertical-align:middle">`
  return ({ language, subject, paragraphs }) => {
    const of = (kinds: readonly Paragraph['kind'][]) =>
      paragraphs
        .filter(({ kind }) => kinds.includes(kind))
        .map(paragraph => part(brand, { paragraph, subject }))
    const { html: text } = html`<!doctype html>
<html lang="${language}" dir="${directionOf(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>${subject}</title>
</head>
<body style="margin:0;padding:24px 12px;background:#f6f7f9;color:${INK};font:16px/1.5 system-ui,sans-serif">
<div style="max-width:560px;margin:0 auto">
<p style="margin:0 0 16px;font-size:18px;font-weight:600">${sign} ${brand.name}</p>
<div style="background:#ffffff;border-top:4px solid ${accent};border-radius:8px;padding:24px">
<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">${subject}</h1>
${of(['words', 'list', 'link'])}
</div>
${of(['sender'])}
</div>
</body>
</html>
`
    return { text, logo }
  }
}

const initial = ({ name, palette: { light } }: Brand): Html =>
  html`<span style="display:inline-block;width:32px;line-height:32px;border-radius:9px;text-align:center;background:${light.accent};color:${light.on_accent}">${initialOf(name)}</span>`

type Placed = Readonly<{ paragraph: Paragraph; subject: string }>

const part = ({ palette: { light } }: Brand, { paragraph: { kind, lines }, subject }: Placed): Html => {
  switch (kind) {
    case 'words':
      return html`<p style="margin:0 0 16px">${lines.join('\n')}</p>\n`
    case 'list':
      return html`<p style="margin:0 0 16px">${lines.map((line, index) => html`${index === 0 ? null : html`<br>`}${line}`)}</p>\n`
    case 'link': {
      const address = lines.join('')
      const button = `display:inline-block;padding:10px 20px;border-radius:8px;background:${light.accent};color:${light.on_accent};font-weight:600;text-decoration:none`
      return html`<p style="margin:0 0 16px"><a href="${address}" style="${button}">${subject}</a></p>
<p style="margin:0 0 16px;font-size:13px;word-break:break-all"><a href="${address}" style="color:${light.accent_text}">${address}</a></p>\n`
    }
    case 'sender':
      return html`<p style="margin:16px 0 0;font-size:13px;color:${MUTED}">${lines.join('\n')}</p>\n`
  }
}
