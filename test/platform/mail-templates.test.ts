import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAILS, type Mail, type MailName } from '../../src/domain/account/mail.ts'
import { createMailPage } from '../../src/http/layout/mail-page.ts'
import { openMailTemplates } from '../../src/platform/mail-templates.ts'
import { BRAND } from '../support/pages/brand.ts'

const NAMES = Object.keys(MAILS) as MailName[]
const LANGUAGES = readdirSync('templates/mail')
const letterOf = openMailTemplates({
  issuer: 'https://id.example',
  brand_name: 'Acme',
  own: new Map(),
  dress: createMailPage({ ...BRAND, name: 'Acme' }),
})

describe('the templates', () => {
  it.each(LANGUAGES)('are all there in %s, and no others', language => {
    expect(readdirSync(`templates/mail/${language}`).toSorted()).toEqual(
      NAMES.map(name => `${name}.txt`).toSorted(),
    )
  })

  it.each(NAMES.flatMap(name => LANGUAGES.map(language => [name, language] as const)))(
    '%s says all that it is told, in lines that fit, in %s',
    (name, language) => {
      const text = readFileSync(`templates/mail/${language}/${name}.txt`, 'utf8')
      const used = new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map(match => match[1]))
      expect(used).toEqual(new Set([...MAILS[name], 'host', 'brand']))
      expect(text.split('\n').filter(line => line.length > 78)).toEqual([])
    },
  )

  it('are in the standard language where there are none in the one that was stored', () => {
    const mail = { name: 'email-changed', to: 'a@b.example', account_id: '1', values: { at: 'now' } } as const
    expect(letterOf({ ...mail, language: 'xx' })).toEqual(letterOf({ ...mail, language: 'en' }))
    expect(letterOf({ ...mail, language: '../en' })).toEqual(letterOf({ ...mail, language: 'en' }))
  })

  it('take what is put in for text in one line', () => {
    const device = 'x\r\nBcc: victim@b.example\n\u2028{{ip}}\u202e<script>'
    const mail: Mail = {
      name: 'new-device',
      language: 'en',
      to: 'a@b.example',
      account_id: '1',
      values: { at: 'now', device, ip: '198.51.100.1' },
    }
    const { text } = letterOf(mail)
    expect(text).toContain('  device:  x  Bcc: victim@b.example  {{ip}} <script>\n')
  })
})
