import type { PasskeyRequest } from '../../domain/factors/passkey.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, faultSummary, form, whenIn } from '../layout/parts.ts'
import type { Asking } from './asking.ts'
import { passkeyForm } from './passkey-form.ts'
import type { TooManyAttempts } from './sign-in.ts'

export type SecondFactorFault = 'wrong' | 'passkey_refused' | 'closed' | TooManyAttempts

type SecondFactor = Readonly<{
  sealed: string
  asking: Asking | null
  /** The kinds that would do. */
  factors: readonly string[]
  /** What the browser is asked with; null where no passkey would do. */
  passkey: PasskeyRequest | null
  fault: SecondFactorFault | null
}>

/** The second half of a sign-in: a code of the authenticator application, or a recovery code, in one field. */
export const secondFactorPage =
  ({ sealed, asking, factors, passkey, fault: kind }: SecondFactor): Page =>
  view => {
    const { say } = view
    const fault = kind === null ? null : faultOf(view, kind)
    const hasTotp = factors.includes('totp')
    const code = field(view, {
      name: 'code',
      label: say('second-factor.code'),
      type: 'text',
      autocomplete: 'one-time-code',
      hint: hasTotp ? say('second-factor.hint') : say('second-factor.recovery_hint'),
      fault,
      hasFocus: true,
      more: {
        class: hasTotp ? 'code' : 'code long',
        inputmode: hasTotp ? 'numeric' : 'text',
        autocapitalize: 'none',
        spellcheck: 'false',
      },
    })
    return {
      title: say('second-factor.title'),
      lead: leadOf(view, { factors, passkey }),
      content: html`${faultSummary(view, fault === null ? [] : [{ field: 'code', text: fault }])}
${form(view, {
  action: '/sign-in',
  hidden: { request: sealed },
  content: [code, button({ label: say('second-factor.button'), busy: say('second-factor.busy') })],
})}
${passkey && passkeyForm(view, { sealed, passkey, label: say('passkey.confirm'), isInAutofill: false })}`,
      isFault: fault !== null,
      form_targets: asking?.form_targets ?? [],
      addressIn: language => inLanguage(`/sign-in?request=${sealed}`, language),
    }
  }

const leadOf = (
  { say, brand }: View,
  { factors, passkey }: Pick<SecondFactor, 'factors' | 'passkey'>,
): Html => {
  if (factors.includes('totp')) return say('second-factor.help', { brand: brand.name })
  return passkey === null ? say('second-factor.recovery_help') : say('second-factor.passkey_help')
}

const faultOf = ({ say, language }: View, fault: SecondFactorFault): Html => {
  if (typeof fault === 'object')
    return say('second-factor.wait', { when: whenIn(language, fault.wait_seconds) })
  switch (fault) {
    case 'wrong':
      return say('second-factor.wrong')
    case 'passkey_refused':
      return say('second-factor.passkey_refused')
    case 'closed':
      return say('second-factor.closed')
  }
}
