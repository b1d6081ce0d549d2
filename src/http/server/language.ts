import { type Language, languageOf } from '../../domain/base/language.ts'
import type { Call } from './route.ts'

/** RFC 9110 §12.5.4 – The language of the answer, and of the mails that the request causes. */
export const languageFor = ({ header }: Call): Language => languageOf(header('accept-language'))
