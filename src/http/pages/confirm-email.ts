import type { Language } from '../../domain/base/language.ts'
import { html, type Page } from './layout.ts'
import { TEXTS } from './texts.ts'

/** Where a link leads that confirms an e-mail address: one button. */
export const confirmEmailPage = ({
  token,
  language,
}: Readonly<{ token: string; language: Language }>): Page => {
  const texts = TEXTS[language]
  const content = html`<p>${texts.confirmHelp}</p>
<form method="post" action="/confirm-email">
<input type="hidden" name="token" value="${token}">
<button>${texts.confirmButton}</button>
</form>`
  return { language, title: texts.confirm, content }
}

export const emailConfirmedPage = (language: Language): Page => {
  const texts = TEXTS[language]
  return { language, title: texts.confirmed, content: html`<p>${texts.closeHelp}</p>` }
}
