import { type Language, languageOf } from '../../domain/base/language.ts'
import type { Call } from './route.ts'

/** RFC 9110 §12.5.4 – In which the answer, and a mail that comes of the request, is written. */
export const languageFor = ({ header }: Call): Language => languageOf(header('accept-language'))
