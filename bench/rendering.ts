import { requestOptions } from '../src/domain/factors/passkey.ts'
import { devicesPage } from '../src/http/account-pages/devices-page.ts'
import { openPages, type Page } from '../src/http/layout/layout.ts'
import { signInPage } from '../src/http/pages/sign-in.ts'
import { BRAND } from '../test/support/pages/brand.ts'
import { familyId } from './support/families.ts'
import { times } from './support/load.ts'
import type { Row } from './support/report.ts'

const COUNT = 3000
const SIGN_INS = 20
const NOW = new Date('2026-11-30T12:00:00Z')
/** Of the length that a sealed request has. */
const SEALED = 'x'.repeat(400)
const PERSON = {
  id: familyId(0),
  email: 'ada@bench.example',
  email_verified_at: NOW,
  updated_at: NOW,
  name: 'Ada Lovelace',
  given_name: null,
  family_name: null,
  preferred_username: null,
  picture: null,
  locale: null,
  zoneinfo: null,
}

const PAGES: readonly (readonly [what: string, page: Page])[] = [
  [
    'the sign-in page',
    signInPage({
      sealed: SEALED,
      asking: {
        name: 'Bench',
        redirect_host: 'web.bench.example',
        client_host: null,
        policy_uri: null,
        tos_uri: null,
        contact: null,
        form_targets: [],
      },
      email: '',
      notice: null,
      sign_up: 'open',
      isResetOffered: true,
      passkey: requestOptions({ rp_id: 'bench.example', challenge: Buffer.alloc(32), passkeys: [] }),
    }),
  ],
  [
    `the account page of ${SIGN_INS} devices`,
    devicesPage({
      frame: { person: PERSON, sealed: SEALED, sealed_logout: SEALED },
      signIns: times(SIGN_INS, number => ({
        id: familyId(number),
        family_ids: [familyId(number)],
        client_id: 'bench-web',
        application: 'Bench',
        session_id: null,
        created_at: NOW,
        last_used_at: NOW,
        last_ip: '198.51.100.1',
        last_user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      })),
      browsers: [],
      session_id: familyId(0),
      now: NOW,
    }),
  ],
]

/** The processor time from the data of a page to its HTML. */
export const measureRendering = (): readonly Row[] => {
  const { render } = openPages(BRAND)
  return PAGES.map(([what, page]) => {
    const renderAll = () => {
      for (const number of times(COUNT, index => index))
        render(page, { language: 'en', reference: familyId(number), address: '/page' })
    }
    renderAll()
    const before = process.cpuUsage()
    renderAll()
    const { user, system } = process.cpuUsage(before)
    return { what: `rendering ${what}`, seen: (user + system) / 1000 / COUNT, unit: 'ms', goal: { most: 1 } }
  })
}
