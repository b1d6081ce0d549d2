import { describe, expect, it } from 'vitest'
import type { Paragraph } from '../../../src/domain/account/letter.ts'
import { createMailPage } from '../../../src/http/layout/mail-page.ts'
import { BRAND, paletteFor } from '../../support/pages/brand.ts'

const acme = { ...BRAND, name: 'Acme & Sons', palette: paletteFor('#087f5b') }
const paragraphs: readonly Paragraph[] = [
  { kind: 'words', lines: ['<b>Look</b>', 'here:'] },
  { kind: 'link', lines: ['https://id.example/x?a=1&b=2'] },
  { kind: 'list', lines: ['when: now', 'device: <script>'] },
  { kind: 'sender', lines: ['Acme, id.example'] },
]
const words = { language: 'en', subject: 'Choose "a" password', paragraphs }

describe('a mail in HTML', () => {
  it('has the name, the sign and the colour of the brand', () => {
    const { text, logo } = createMailPage(acme)(words)
    expect(text).toContain('Acme &#38; Sons</p>')
    expect(text).toContain('background:#087f5b;color:#ffffff">A</span>')
    expect(text).toContain('border-top:4px solid #087f5b')
    expect(logo).toBeNull()
  })

  it('brings a PNG logo along, and leaves out one that mail programs do not show', () => {
    const of = (type: 'image/png' | 'image/svg+xml') =>
      createMailPage({ ...acme, logo: { bytes: new Uint8Array(3), type, version: '1' } })(words)
    expect(of('image/png')).toMatchObject({
      text: expect.stringContaining('src="cid:logo"'),
      logo: { type: 'image/png' },
    })
    expect(of('image/svg+xml').text).not.toContain('<img')
    expect(of('image/svg+xml').logo).toBeNull()
  })

  it('makes a button of the link, and text of everything else', () => {
    const { text } = createMailPage(acme)(words)
    expect(text).toContain('<a href="https://id.example/x?a=1&#38;b=2" style="display:inline-block')
    expect(text).toContain('>Choose &#34;a&#34; password</a>')
    expect(text).toContain('>&#60;b&#62;Look&#60;/b&#62;\nhere:</p>')
    expect(text).toContain('>when: now<br>device: &#60;script&#62;</p>')
    expect(text.match(/<a /g)).toHaveLength(2)
  })

  it('fetches nothing, and has no script and no style sheet', () => {
    const { text } = createMailPage(acme)(words)
    expect(text).not.toMatch(/<(?:script|link|style|iframe)\b|\bsrc=|url\(/)
  })

  it('is written in the direction of its language', () => {
    expect(createMailPage(acme)({ ...words, language: 'ar' }).text).toContain('<html lang="ar" dir="rtl">')
  })
})
