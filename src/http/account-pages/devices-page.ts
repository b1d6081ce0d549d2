import { describeDevice } from '../../domain/base/user-agent.ts'
import type { SessionDevice, SignIn } from '../../domain/sign-in/sign-in.ts'
import { type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { badge, button, form, itemList } from '../layout/parts.ts'
import { accountSheet, agoOf, card, dayOf, type Frame } from './frame.ts'

type Named = SignIn & Readonly<{ application: string }>

type Devices = Readonly<{
  frame: Frame
  signIns: readonly Named[]
  /** Browsers in which the person is signed in to no application. */
  browsers: readonly SessionDevice[]
  /** The browser session that looks. */
  session_id: string
  now: Date
}>

/** Where the person is signed in: at which application, on which device, from where, since when. */
export const devicesPage =
  ({ frame, signIns, browsers, session_id, now }: Devices): Page =>
  view => {
    const { say } = view
    const action = { action: '/account/devices', hidden: { request: frame.sealed } }
    const endOthers = form(view, {
      ...action,
      content: button({
        label: say('account.end_others'),
        kind: 'danger',
        isSlim: true,
        name: 'end_others',
        value: 'yes',
      }),
    })
    const items = [
      ...signIns.map(signIn => {
        const item = itemOf(view, signIn, { isHere: signIn.session_id === session_id, now })
        return { ...item, action: endButton(view, signIn.id) }
      }),
      ...browsers.map(device => {
        const isHere = device.id === session_id
        const line = { ...device, application: say('account.no_application') }
        const item = itemOf(view, line, { isHere, now })
        // This browser is signed out by the button at the top of the page.
        return isHere ? item : { ...item, action: endButton(view, device.id) }
      }),
    ]
    const content = form(view, { ...action, content: itemList(items) })
    const cards = card({ title: say('account.devices_title'), tools: endOthers, content })
    return accountSheet(view, { frame, tab: 'devices', cards })
  }

type Seen = Readonly<{ isHere: boolean; now: Date }>

type Line = SessionDevice & Readonly<{ application: string | Html }>

const itemOf = ({ say, language }: View, signIn: Line, { isHere, now }: Seen) => {
  const { application, created_at, last_used_at, last_ip, last_user_agent } = signIn
  const isPhone = /\b(?:iPhone|Android)\b/.test(last_user_agent ?? '')
  const used = say('account.last_used', { when: agoOf(language, { date: last_used_at, now }) })
  const since = say('account.since', { when: dayOf(language, created_at) })
  const place = last_ip === null ? null : html` · ${last_ip}`
  return {
    icon: isPhone ? ('phone' as const) : ('device' as const),
    label: describeDevice(last_user_agent, language),
    ...(isHere ? { badge: badge({ kind: 'good', text: say('account.this_device') }) } : {}),
    detail: html`${application}${place} · ${used} · ${since}`,
  }
}

const endButton = ({ say }: View, id: string): Html =>
  button({ label: say('account.end'), kind: 'quiet', isSlim: true, name: 'end', value: id })
