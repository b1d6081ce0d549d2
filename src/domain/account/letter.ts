import { nearestWord } from '../base/nearest-word.ts'
import { MAILS, type MailName } from './mail.ts'

/** A mail's template: a subject, and a text whose gaps are such as `{{link}}`. */
export type LetterTemplate = Readonly<{ subject: string; text: string }>

/** What lies between two empty lines of a mail, by what it is: HTML shows each in its own way. */
export type Paragraph = Readonly<{ kind: 'words' | 'list' | 'link' | 'sender'; lines: readonly string[] }>

/** A mail whose gaps are filled. Plain text, so that markup in a value that a user chose has no effect. */
export type Written = LetterTemplate & Readonly<{ paragraphs: readonly Paragraph[] }>

/** What every mail may say beside its own values. */
const OF_EVERY_MAIL = ['brand', 'host']

/** Reads a template: a line "Subject: …", an empty line, the text. Null for what does not begin so. */
export const parseLetterTemplate = (text: string): LetterTemplate | null => {
  const [head = '', empty, ...lines] = text.replaceAll('\r\n', '\n').split('\n')
  const [, subject] = /^Subject: (.*\S.*)$/.exec(head) ?? []
  return subject === undefined || empty !== '' ? null : { subject, text: lines.join('\n') }
}

/** Judges an operator's own template of a mail. A fault is a sentence for the operator. */
export const judgeLetterTemplate = (
  name: string,
  text: string,
): Readonly<{ template: LetterTemplate }> | Readonly<{ fault: string }> => {
  const template = parseLetterTemplate(text)
  if (!isMailName(name)) {
    const meant = nearestWord(name, Object.keys(MAILS))
    return { fault: `there is no mail ${name}${meant === null ? '' : `; did you mean ${meant}?`}` }
  }
  if (template === null) return { fault: 'must begin with a line "Subject: …" and an empty line' }
  const known = [...MAILS[name], ...OF_EVERY_MAIL]
  const all = `${template.subject}\n${template.text}`
  const isWrong = /[{}]/.test(all.replaceAll(GAP, (gap, value: string) => (known.includes(value) ? '' : gap)))
  if (isWrong)
    return {
      fault: `has a gap that nothing fills; it may have ${known.map(each => `{{${each}}}`).join(', ')}`,
    }
  const needsLink = known.includes('link')
  if (needsLink && !paragraphsOf(template.text).some(isLink))
    return { fault: 'needs {{link}} in a paragraph of its own' }
  return { template }
}

const isMailName = (name: string): name is MailName => Object.hasOwn(MAILS, name)

const GAP = /\{\{(\w+)\}\}/g

/** Fills the gaps of a template. */
export const writeLetter = (
  { subject, text }: LetterTemplate,
  values: Readonly<Record<string, string>>,
): Written => {
  const put = (words: string) =>
    words.replaceAll(GAP, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`nothing to put for ${name}`)
      return oneLine(value)
    })
  const templates = paragraphsOf(text)
  const paragraphs = templates.map((template, index): Paragraph => {
    const isLast = index === templates.length - 1
    return { kind: kindOf(template, isLast), lines: template.split('\n').map(line => put(line.trim())) }
  })
  return { subject: put(subject), text: put(text), paragraphs }
}

const paragraphsOf = (text: string): readonly string[] =>
  text
    .split(/\n\s*\n/)
    .map(paragraph => paragraph.replace(/^\n+|\s+$/g, ''))
    .filter(paragraph => paragraph !== '')

const isLink = (paragraph: string): boolean => paragraph.trim() === '{{link}}'

/** Judged on the template, so that no value can become a link. */
const kindOf = (paragraph: string, isLast: boolean): Paragraph['kind'] => {
  if (isLink(paragraph)) return 'link'
  if (paragraph.split('\n').every(line => /^\s/.test(line))) return 'list'
  return isLast && paragraph.includes('{{host}}') ? 'sender' : 'words'
}

/** RFC 5322 §2.2 – A value from outside must not start a new header or a new paragraph. */
const oneLine = (value: string) => value.replaceAll(/\p{C}|[\u2028\u2029]/gu, ' ')
