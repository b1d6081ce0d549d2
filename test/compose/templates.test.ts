import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../support/accounts/account-api.ts'
import { forgot, type Post, startWithMail } from '../support/accounts/mail.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'

const ARABIC_TITLE = 'تسجيل الدخول'
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

describe('TEMPLATES_DIR', () => {
  let directory: string
  let deployment: Deployment
  let post: Post
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'signet-words-'))
    deployment = await openDeployment()
    write('good/pages/ar/sign-in.json', JSON.stringify({ title: ARABIC_TITLE }))
    write('good/pages/de/sign-in.json', JSON.stringify({ title: 'Willkommen bei Acme' }))
    write('good/mail/ar/reset-password.txt', 'Subject: {{brand}}: كلمة مرور جديدة\n\nمرحبا\n\n{{link}}\n')
    write('logo.png', PIXEL)
    post = await startWithMail(deployment, {
      environment: {
        TEMPLATES_DIR: join(directory, 'good'),
        BRAND_NAME: 'Acme',
        BRAND_COLOR: '#087f5b',
        BRAND_LOGO_FILE: join(directory, 'logo.png'),
      },
    })
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const write = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
  const page = async (path: string, language = '') =>
    (await post.signet.ask(path, { headers: { 'accept-language': language } })).text

  it.each([
    ['/sign-in', 'ar-EG, en;q=0.5'],
    ['/sign-in?ui_locales=fr+ar', 'de'],
  ])('shows %s in a language that was added, from right to left', async (path, language) => {
    const text = await page(path, language)
    expect(text).toContain('<html lang="ar" dir="rtl"')
    expect(text).toContain(`<h1>${ARABIC_TITLE}</h1>`)
    expect(text).toContain('<label for="password">Password</label>')
  })

  it('offers the added language on every other page, and changes a word of another one', async () => {
    const text = await page('/sign-in', 'de')
    expect(text).toContain('<h1>Willkommen bei Acme</h1>')
    expect(text).toContain('lang="ar" hreflang="ar">العربية</a>')
    expect(text).toContain('<label for="password">Passwort</label>')
  })

  it('says once at the start how much the language lacks', () => {
    const lacking = post.signet.lines.filter(({ message }) => message.startsWith('TEMPLATES_DIR'))
    expect(lacking).toEqual([
      expect.objectContaining({ level: 'warn', language: 'ar', missing: expect.any(Number) }),
    ])
  })

  it('writes mails in the added language, with the name, the logo and the colour of the brand', async () => {
    await signUp(post.signet, 'own-words@b.example')
    await forgot(post.signet, 'own-words@b.example', { 'accept-language': 'ar' })
    const mail = await post.mailbox.mailTo('own-words@b.example', /^Acme: كلمة/)
    expect(mail.text).toContain('مرحبا')
    const [url = ''] = /https?:\/\/\S+/.exec(mail.text ?? '') ?? []
    expect(mail.html).toContain('<html lang="ar" dir="rtl">')
    expect(mail.html).toContain(`<a href="${url}"`)
    expect(mail.html).toContain('background:#087f5b')
    expect(mail.attachments).toMatchObject([
      { mimeType: 'image/png', disposition: 'inline', contentId: '<logo>', related: true },
    ])
    expect(Buffer.from(mail.attachments[0]?.content as ArrayBuffer)).toEqual(PIXEL)
  })

  it('writes in English what a mail of the language is missing', async () => {
    const mail = await post.mailbox.mailTo('own-words@b.example', /Confirm your e-mail/)
    expect(mail.html).toContain('<html lang="en" dir="ltr">')
  })

  it('is refused with everything that is wrong with it', async () => {
    write('bad/pages/ar/signin.json', '{}')
    write('bad/mail/fr/new-devise.txt', 'Subject: x\n\ny')
    const environment = { TEMPLATES_DIR: join(directory, 'bad') }
    await expect(deployment.start({ environment })).rejects.toMatchObject({
      lines: [
        'TEMPLATES_DIR: pages/ar/signin.json: there is no page signin; did you mean sign-in?',
        'TEMPLATES_DIR: mail/fr/new-devise.txt: there is no mail new-devise; did you mean new-device?',
        'TEMPLATES_DIR: mail/fr needs pages/fr beside it, where its readers choose it',
      ],
    })
  })
})
