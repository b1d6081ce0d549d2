import { chooseLanguage, type Language } from '../../domain/base/language.ts'
import type { Call } from './route.ts'

/** RFC 9110 §12.5.4, OpenID Connect Core §3.1.2.1 – In which the answer, and a mail that comes of the request, is written. */
export const languageFor = ({ header, context, pages }: Call): Language =>
  chooseLanguage(
    { ui_locales: context.req.query('ui_locales'), accept_language: header('accept-language') },
    pages.languages,
  )
