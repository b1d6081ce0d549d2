import { readdirSync, readFileSync } from 'node:fs'
import { MAILS, type Mail, type MailName } from '../domain/account/mail.ts'
import { errorCodeOf } from '../domain/base/error-code.ts'
import { STANDARD_LANGUAGE } from '../domain/base/language.ts'
import { StartFault } from '../domain/base/start-fault.ts'

/** The subject and the text of a mail. Plain text only, so that markup in a value that a user chose has no effect. */
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
 * Reads each file of templates/mail once. Each language has a folder and each mail a file: a line "Subject: …", an empty line, the text.
 * `{{name}}` is replaced by a value. An import may have stored a language without a folder: the standard language is used then.
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
  const [head = '', ...lines] = readText(name).split('\n')
  const [, subject] = /^Subject: (.+)$/.exec(head) ?? []
  if (subject === undefined || lines.shift() !== '')
    throw new StartFault([`${fileOf(name)} does not begin with its subject and an empty line; ${INSTALL}`])
  return { subject, text: lines.join('\n') }
}

const readText = (name: string): string => {
  try {
    return readFileSync(new URL(`${name}.txt`, DIRECTORY), 'utf8')
  } catch (error) {
    throw new StartFault([`${fileOf(name)} cannot be read (${errorCodeOf(error)}); ${INSTALL}`], error)
  }
}

const fileOf = (name: string) => `templates/mail/${name}.txt`
const INSTALL = 'the installation is not complete: install Signet again'

const fill = ({ subject, text }: Letter, values: Readonly<Record<string, string>>): Letter => {
  const put = (words: string) =>
    words.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`nothing to put for ${name}`)
      return oneLine(value)
    })
  return { subject: put(subject), text: put(text) }
}

/** RFC 5322 §2.2 – A value from outside must not start a new header or a new paragraph. */
const oneLine = (value: string) => value.replaceAll(/\p{C}|[\u2028\u2029]/gu, ' ')
