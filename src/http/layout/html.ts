/** HTML that was put together here. */
export type Html = Readonly<{ html: string }>

/** What may stand in a template: text, which is escaped, or HTML, or nothing. */
export type Part = string | number | Html | readonly Html[] | null

/**
 * HTML Living Standard, §13.1.2 – A value is text unless it is Html itself. It is escaped so that it may stand in content and between
 * the quotes of an attribute, and nowhere else.
 */
export const html = (parts: TemplateStringsArray, ...values: readonly Part[]): Html => {
  let all = parts[0] ?? ''
  for (const [index, value] of values.entries()) all += textOf(value) + (parts[index + 1] ?? '')
  return { html: all }
}

export const NOTHING: Html = { html: '' }

const textOf = (part: Part): string => {
  if (typeof part === 'string') return escapeHtml(part)
  if (typeof part === 'number') return String(part)
  if (part === null) return ''
  return 'html' in part ? part.html : part.map(each => each.html).join('')
}

const SPECIAL = /[&<>"']/g

export const escapeHtml = (text: string): string =>
  text.replaceAll(SPECIAL, character => `&#${character.charCodeAt(0)};`)

/** Attributes with their leading spaces. One that is null or false is left out, one that is true has no value. */
export const attributes = (values: Readonly<Record<string, Part | boolean>>): Html => ({
  html: Object.entries(values)
    .filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) =>
      value === true ? ` ${name}` : ` ${name}="${textOf(value === false ? null : value)}"`,
    )
    .join(''),
})
