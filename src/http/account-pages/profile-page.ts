import type { ProfileField, ProfileFields } from '../../domain/account/profile.ts'
import { field } from '../layout/field.ts'
import { html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, faultSummary, form, note } from '../layout/parts.ts'
import { emailCard } from './email-page.ts'
import { accountSheet, card, type Frame } from './frame.ts'

type Profile = Readonly<{
  frame: Frame
  /** As the person typed them. */
  fields: ProfileFields
  faults: readonly ProfileField[]
  isSaved: boolean
}> &
  Omit<Parameters<typeof emailCard>[1], 'frame'>

/** HTML Living Standard, "autofill" – What browsers fill in. */
const AUTOCOMPLETE: Readonly<Record<ProfileField, string>> = {
  name: 'name',
  given_name: 'given-name',
  family_name: 'family-name',
  preferred_username: 'nickname',
  picture: 'photo',
  locale: 'language',
  zoneinfo: 'off',
}

/** OpenID Connect Core §5.1 – The claims that applications receive with the scope `profile`. */
export const profilePage =
  ({ frame, fields, faults, isSaved, ...mail }: Profile): Page =>
  view => {
    const { say } = view
    const shown = faults.map(name => ({ field: name, text: faultOf(view, name) }))
    const inputs = labelsOf(view).map(([name, label, hint]) =>
      field(view, {
        name,
        label,
        type: 'text',
        autocomplete: AUTOCOMPLETE[name],
        value: fields[name],
        isOptional: true,
        fault: faults.includes(name) ? faultOf(view, name) : null,
        hasFocus: faults[0] === name,
        ...(hint === null ? {} : { hint }),
        more: { spellcheck: 'false' },
      }),
    )
    const content = html`${faultSummary(view, shown)}
${isSaved ? html`<div role="status">${note({ kind: 'good', text: say('account.saved') })}</div>` : null}
<p class="muted">${say('account.profile_help')}</p>
${form(view, {
  action: '/account',
  hidden: { request: frame.sealed },
  content: [
    ...inputs,
    html`<div>${button({ label: say('account.save'), busy: say('account.saving') })}</div>`,
  ],
})}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'profile',
        cards: html`${emailCard(view, { frame, ...mail })}
${card({ title: say('account.profile'), content })}`,
      }),
      isFault: faults.length > 0,
      addressIn: language => inLanguage('/account', language),
    }
  }

const labelsOf = ({ say }: View) =>
  [
    ['name', say('account.name'), null],
    ['given_name', say('account.given_name'), null],
    ['family_name', say('account.family_name'), null],
    ['preferred_username', say('account.preferred_username'), null],
    ['picture', say('account.picture'), say('account.picture_hint')],
    ['locale', say('account.locale'), say('account.locale_hint')],
    ['zoneinfo', say('account.zoneinfo'), say('account.zoneinfo_hint')],
  ] as const

const faultOf = ({ say }: View, name: ProfileField) => {
  switch (name) {
    case 'picture':
      return say('account.picture_fault')
    case 'locale':
      return say('account.locale_fault')
    case 'zoneinfo':
      return say('account.zoneinfo_fault')
    case 'name':
    case 'given_name':
    case 'family_name':
    case 'preferred_username':
      return say('account.name_fault')
  }
}
