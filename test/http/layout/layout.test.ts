import { describe, expect, it } from 'vitest'
import { requestOptions } from '../../../src/domain/factors/passkey.ts'
import { faviconOf } from '../../../src/http/layout/brand.ts'
import { field } from '../../../src/http/layout/field.ts'
import { attributes, html } from '../../../src/http/layout/html.ts'
import { openPages, type Page, type Sheet } from '../../../src/http/layout/layout.ts'
import {
  badge,
  button,
  faultSummary,
  form,
  itemList,
  note,
  sign,
  whenIn,
} from '../../../src/http/layout/parts.ts'
import { formTargetsOf } from '../../../src/http/pages/asking.ts'
import { confirmEmailPage, emailConfirmedPage } from '../../../src/http/pages/confirm-email.ts'
import { forgotPasswordPage, resetMailSentPage } from '../../../src/http/pages/forgot-password.ts'
import { refusalPage } from '../../../src/http/pages/refusal.ts'
import { resetPasswordPage } from '../../../src/http/pages/reset-password.ts'
import { secondFactorPage } from '../../../src/http/pages/second-factor.ts'
import { signInPage } from '../../../src/http/pages/sign-in.ts'
import { BRAND } from '../../support/pages/brand.ts'

const EVIL = `"'><script>alert(1)</script>&lt;`
const REQUEST = { language: 'en', reference: 'request-1', address: '/page?x=1' }
const { render } = openPages(BRAND)
const bodyOf = (sheet: Partial<Sheet> | Page, request: Partial<typeof REQUEST | { address: null }> = {}) =>
  render(typeof sheet === 'function' ? sheet : () => ({ title: 'A page', ...sheet }), {
    ...REQUEST,
    ...request,
  }).body

/** One of every component, with a text in it that wants to be more. */
const everything: Page = view => ({
  title: EVIL,
  lead: EVIL,
  shell: 'stay',
  sign: sign('shield', 'good'),
  isFault: true,
  tools: form(view, { action: '/x', content: button({ label: EVIL, kind: 'quiet', isSlim: true }) }),
  content: html`${note({ kind: 'warn', text: EVIL })}${badge({ kind: 'good', text: EVIL })}
${faultSummary(view, [{ field: EVIL, text: EVIL }])}
${form(view, {
  action: '/x',
  hidden: { token: EVIL },
  content: [
    field(view, { name: 'email', label: EVIL, type: 'email', autocomplete: EVIL, value: EVIL, hint: EVIL }),
    field(view, { name: 'password', label: EVIL, type: 'password', autocomplete: 'off', fault: EVIL }),
    button({ label: EVIL, busy: EVIL, name: EVIL, value: EVIL, kind: 'danger', icon: 'key' }),
  ],
})}
${itemList([{ icon: 'device', label: EVIL, detail: EVIL, badge: badge({ kind: 'bad', text: EVIL }) }])}`,
})

const passkey = requestOptions({ rp_id: EVIL, challenge: Buffer.from('challenge'), passkeys: [] })
const entry = {
  sealed: EVIL,
  asking: null,
  email: EVIL,
  sign_up: 'open' as const,
  isResetOffered: true,
  passkey,
}

const EMAIL = 'ada@b.example'
const PAGES: readonly Page[] = [
  everything,
  emailConfirmedPage,
  confirmEmailPage({ token: EVIL, email: EVIL }),
  resetPasswordPage({ token: 't', email: EMAIL, min_characters: 8, fault: null }),
  resetPasswordPage({ token: EVIL, email: EVIL, min_characters: 8, fault: 'must be 8 characters or more' }),
  forgotPasswordPage({ sealed: EVIL, email: EVIL, fault: { kind: 'email_malformed' } }),
  forgotPasswordPage({ sealed: EVIL, email: '', fault: { kind: 'wait', retry_after_seconds: 90 } }),
  resetMailSentPage({ sealed: EVIL }),
  signInPage({ ...entry, notice: null }),
  signInPage({ ...entry, notice: { wait_seconds: 600 } }),
  secondFactorPage({ sealed: EVIL, asking: null, factors: ['totp'], passkey, fault: 'wrong' }),
  secondFactorPage({ sealed: EVIL, asking: null, factors: ['passkey'], passkey, fault: null }),
  refusalPage('LINK_INVALID'),
  refusalPage('RATE_LIMITED', { retry_after_seconds: 30 }),
  refusalPage('FORM_UNREADABLE'),
  refusalPage('INTERNAL'),
  refusalPage('UNAVAILABLE'),
]

describe('every page', () => {
  const bodies = PAGES.map(page => bodyOf(page))

  it('shows what it is given as text, in content and in attributes', () => {
    for (const body of bodies) {
      expect(body).not.toContain('alert(1)</script>')
      expect(body.match(/<script>/g)).toHaveLength(1)
      expect(body).not.toMatch(/\son\w+=|\sstyle=/)
    }
    expect(bodies[0]).toContain('&#34;&#39;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;lt;')
  })

  it('has a title, one main heading, a language and a direction', () => {
    for (const body of bodies) {
      expect(body).toMatch(/<title>[^<]+ · Signet<\/title>/)
      expect(body.match(/<h1>/g)).toHaveLength(1)
      expect(body).toContain('<html lang="en" dir="ltr"')
      expect(body).toContain('<meta name="robots" content="noindex, nofollow">')
    }
  })

  it('names only ids that are there, each once', () => {
    for (const body of bodies.slice(1)) {
      const ids = [...body.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
      expect(new Set(ids).size).toBe(ids.length)
      const named = [...body.matchAll(/\s(?:for|aria-describedby|aria-controls)="([^"]+)"/g)]
      expect(named.flatMap(([, value = '']) => value.split(' ')).filter(id => !ids.includes(id))).toEqual([])
      const linked = [...body.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
      expect(linked.filter(id => !ids.includes(id))).toEqual([])
    }
  })

  it('loads nothing but its icon', () => {
    for (const body of bodies) expect(body.match(/(?:src|<link[^>]* href)="[^"]*"/g)).toHaveLength(1)
  })

  it('is small', () => {
    for (const body of bodies) expect(Buffer.byteLength(body)).toBeLessThan(20_000)
    const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(bodies[0] ?? '') ?? []
    expect(script.length).toBeGreaterThan(500)
    expect(Buffer.byteLength(script)).toBeLessThan(6_000)
  })

  it('hides its icons from screen readers: the text beside them says the same', () => {
    for (const body of bodies)
      expect(body.match(/<svg/g)).toHaveLength(body.match(/<svg[^>]* aria-hidden="true"/g)?.length ?? 0)
  })
})

describe('a page that refuses something', () => {
  it('says so in its title, and has the reference of the log', () => {
    const body = bodyOf({ isFault: true })
    expect(body).toContain('<title>Error: A page · Signet</title>')
    expect(body).toContain('<span>Reference <code>request-1</code></span>')
    expect(bodyOf({})).not.toContain('request-1')
  })
})

describe('WCAG 2.2 §3.3.1 – the summary of what is wrong with a form', () => {
  const summaryOf = (...faults: Parameters<typeof faultSummary>[1]) =>
    bodyOf(view => ({ title: 'A page', content: html`${faultSummary(view, faults)}` }))

  it('leads to each field, and is read out', () => {
    const body = summaryOf({ field: 'email', text: 'No address.' }, { field: null, text: 'No luck.' })
    expect(body).toContain('<div class="note bad" role="alert" tabindex="-1">')
    expect(body).toContain('<li><a href="#email">No address.</a></li><li>No luck.</li>')
  })

  it('is one sentence where the fault is that of the whole, and nothing where there is none', () => {
    expect(summaryOf({ field: null, text: 'No luck.' })).toContain('<span>No luck.</span></div>')
    expect(summaryOf()).not.toContain('role="alert"')
  })
})

describe('the time until a retry makes sense', () => {
  it.each([
    [0, 'in 1 second', 'in 1 Sekunde'],
    [119, 'in 119 seconds', 'in 119 Sekunden'],
    [120, 'in 2 minutes', 'in 2 Minuten'],
    [121, 'in 3 minutes', 'in 3 Minuten'],
  ])('%d seconds are "%s"', (seconds, english, german) => {
    expect([whenIn('en', seconds), whenIn('de', seconds)]).toEqual([english, german])
  })
})

describe('the policy of a page', () => {
  const policyOf = (form_targets?: readonly string[]) =>
    render(() => ({ title: 'A page', ...(form_targets && { form_targets }) }), REQUEST).security_policy

  it('lets a form lead to the origins and schemes that the page names', () => {
    expect(policyOf()).toContain("; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
    expect(policyOf(['https://app.example', 'cursor:'])).toContain(
      "; form-action 'self' https://app.example cursor:;",
    )
  })

  it.each([
    [
      'https://app.example:8443/callback',
      'https://app.example:8443 https: http://localhost:* http://127.0.0.1:*',
    ],
    ['http://127.0.0.1:5000/callback', 'http://127.0.0.1:5000 https: http://localhost:* http://127.0.0.1:*'],
    ['http://[::1]:5000/callback', 'http: https: http://localhost:* http://127.0.0.1:*'],
    ['cursor://callback', 'cursor:'],
  ])('takes for %s %s', (redirect_uri, targets) => {
    expect(policyOf(formTargetsOf(redirect_uri))).toContain(`; form-action 'self' ${targets};`)
  })

  it.each([
    "https://app.example; script-src 'unsafe-inline'",
    'http://[::1]:5000',
    "'unsafe-inline'",
    '*',
    'https://a.example,https://b.example',
    'https://a.example https://b.example',
    '',
  ])('takes no source that would end it: %j', target => {
    expect(() => policyOf([target])).toThrow('not a source of a policy')
  })
})

describe('the languages of a page', () => {
  it('are offered at its own address, with everything that stands there', () => {
    const body = bodyOf({}, { address: '/page?token=a%26b&ui_locales=en' })
    expect(body).toContain(
      '<a href="/page?token=a%26b&#38;ui_locales=de" lang="de" hreflang="de">Deutsch</a>',
    )
    expect(body).not.toContain('hreflang="en"')
  })

  it('are not offered by an answer to a form, which has no address, unless the page names one', () => {
    expect(bodyOf({}, { address: null })).not.toContain('hreflang')
    expect(bodyOf({ addressIn: language => `/x?l=${language}` }, { address: null })).toContain(
      'href="/x?l=de"',
    )
  })

  it('are taken from the right to the left where people write so', () => {
    const pages = openPages(BRAND, new Map([['ar', new Map()]]))
    expect(pages.render(everything, { ...REQUEST, language: 'ar' }).body).toContain(
      '<html lang="ar" dir="rtl"',
    )
  })
})

describe('the brand', () => {
  const acme = { ...BRAND, name: 'Acme & Sons', support_url: 'https://acme.example/?a=1&b=2' }

  it('has its name, its links and its initial on every page', () => {
    const { body } = openPages(acme).render(emailConfirmedPage, REQUEST)
    expect(body).toContain('<title>Your address is confirmed · Acme &#38; Sons</title>')
    expect(body).toContain('<span class="mark" aria-hidden="true">A</span><span>Acme &#38; Sons</span>')
    expect(body).toContain('<a href="https://acme.example/?a=1&#38;b=2">Help</a>')
    expect(body).not.toContain('Terms')
    expect(faviconOf(acme)).toContain('>A</text>')
  })

  it('has its logo in the place of the mark', () => {
    const logo = { bytes: new Uint8Array(3), type: 'image/png', version: 'abc' } as const
    const { body } = openPages({ ...acme, logo }).render(emailConfirmedPage, REQUEST)
    expect(body).toContain('<img src="/brand/logo?v=abc" alt="" height="32">')
    expect(body).not.toContain('class="mark"')
  })

  it('changes the policy with its colour: the style is part of the page', () => {
    expect(bodyOf({})).toContain('--accent:#3b5bdb;')
  })
})

describe('HTML Living Standard, §13.1.2 – a template', () => {
  it('escapes text and leaves HTML', () => {
    expect(html`<p>${'<'}${html`<b>${'&'}</b>`}${[html`1`, html`2`]}${3}${null}</p>`.html).toBe(
      '<p>&#60;<b>&#38;</b>123</p>',
    )
  })

  it('leaves out attributes that are null or false', () => {
    expect(attributes({ a: '"', b: null, c: true, d: false, e: 1 }).html).toBe(' a="&#34;" c e="1"')
  })
})
