import { readdirSync, readFileSync } from 'node:fs'
import { MAILS, type Mail, type MailName } from '../domain/account/mail.ts'
import { STANDARD_LANGUAGE } from '../domain/base/language.ts'

/** A mail in words. Plain text alone: every program shows it as it is, and no markup in it can do anything. */
export type Letter = Readonly<{ subject: string; text: string }>

/** Two levels up from src/platform and from dist/platform alike. */
const DIRECTORY = new URL('../../templates/mail/', import.meta.url)
const NAMES = Object.keys(MAILS) as MailName[]

type Sender = Readonly<{
  issuer: string
  /** BRAND_NAME */
  brand_name: string
}>

/**
 * Reads templates/mail, each file once: a folder a language, a file a mail, in it a line "Subject: …", an empty line, the text;
 * `{{name}}` is filled in. A mail in a language that has no folder, as an import may have stored it, is written in the standard one.
 */
export const openMailTemplates = ({ issuer, brand_name: brand }: Sender): ((mail: Mail) => Letter) => {
  const files = NAMES.flatMap(name =>
    readdirSync(DIRECTORY).map(language => [`${language}/${name}`, read(`${language}/${name}`)] as const),
  )
  const templates = new Map(files)
  const host = new URL(issuer).host
  return ({ name, language, values }) => {
    const template = templates.get(`${language}/${name}`) ?? templates.get(`${STANDARD_LANGUAGE}/${name}`)
    if (template === undefined) throw new Error(`no template of ${name}`)
    return fill(template, { ...values, host, brand })
  }
}

const read = (name: string): Letter => {
  const [head = '', ...lines] = readFileSync(new URL(`${name}.txt`, DIRECTORY), 'utf8').split('\n')
  const [, subject] = /^Subject: (.+)$/.exec(head) ?? []
  if (subject === undefined || lines.shift() !== '')
    throw new Error(`${name} does not begin with its subject and an empty line`)
  return { subject, text: lines.join('\n') }
}

const fill = ({ subject, text }: Letter, values: Readonly<Record<string, string>>): Letter => {
  const put = (words: string) =>
    words.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`nothing to put for ${name}`)
      return oneLine(value)
    })
  return { subject: put(subject), text: put(text) }
}

/** RFC 5322 §2.2 – What comes from outside begins no header and no paragraph of its own. */
const oneLine = (value: string) => value.replaceAll(/\p{C}|[\u2028\u2029]/gu, ' ')
