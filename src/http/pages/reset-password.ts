import type { Language } from '../../domain/base/language.ts'
import { type Html, html, type Page } from './layout.ts'
import { TEXTS } from './texts.ts'

type ResetPassword = Readonly<{
  token: string
  language: Language
  /** What the account API says of the password; null when nothing was tried yet. */
  fault: string | null
}>

/** Where a link leads that sets a new password: one field, and what was wrong with the last attempt. */
export const resetPasswordPage = ({ token, language, fault }: ResetPassword): Page => {
  const texts = TEXTS[language]
  const said: Html =
    fault === null
      ? html``
      : html`<p class="fault" role="alert" id="fault">${texts.refused}: ${texts.sayFault(fault)}.</p>`
  const content = html`<p>${texts.resetHelp}</p>
${said}
<form method="post" action="/reset-password">
<input type="hidden" name="token" value="${token}">
<label for="new_password">${texts.newPassword}</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" aria-describedby="fault" required autofocus>
<button>${texts.resetButton}</button>
</form>`
  return { language, title: texts.reset, content }
}

export const passwordResetPage = (language: Language): Page => {
  const texts = TEXTS[language]
  return { language, title: texts.resetDone, content: html`<p>${texts.closeHelp}</p>` }
}
