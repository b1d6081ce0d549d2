import type { Language } from '../domain/base/language.ts'

/** A file of TEMPLATES_DIR, as it was read. */
export type TemplateFile = Readonly<{
  /** From TEMPLATES_DIR on, such as `pages/ar/sign-in.json`: a fault names it. */
  path: string
  language: Language
  /** Without its ending, such as `sign-in`. */
  name: string
  text: string
}>
