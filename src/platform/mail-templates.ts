import { readdirSync, readFileSync } from 'node:fs'
import {
  judgeLetterTemplate,
  type LetterTemplate,
  type Paragraph,
  parseLetterTemplate,
  writeLetter,
} from '../domain/account/letter.ts'
import { MAILS, type Mail, type MailName } from '../domain/account/mail.ts'
import { errorCodeOf } from '../domain/base/error-code.ts'
import { type Language, STANDARD_LANGUAGE } from '../domain/base/language.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import type { TemplateFile } from '../ports/templates.ts'

/** The subject and the text of a mail, and the same in HTML. */
export type Letter = Readonly<{ subject: string; text: string; html?: HtmlPart }>

type HtmlPart = Readonly<{
  text: string
  /** The image that the HTML shows as `cid:logo`; null where it shows none. */
  logo: MailLogo | null
}>

export type MailLogo = Readonly<{ bytes: Uint8Array; type: string }>

/** Two levels up from src/platform and from dist/platform alike. */
const DIRECTORY = new URL('../../templates/mail/', import.meta.url)
export const MAIL_NAMES = Object.keys(MAILS) as MailName[]

/** By `<language>/<mail>`. */
type Templates = ReadonlyMap<string, LetterTemplate>

/** Judges the operator's own mails: each is a whole file. */
export const judgeOwnMails = (
  files: readonly TemplateFile[],
): Readonly<{ templates: Templates; faults: readonly string[] }> => {
  const judged = files.map(file => ({ ...file, ...judgeLetterTemplate(file.name, file.text) }))
  return {
    templates: new Map(
      judged.flatMap(each =>
        'fault' in each ? [] : [[`${each.language}/${each.name}`, each.template] as const],
      ),
    ),
    faults: judged.flatMap(each => ('fault' in each ? [`${each.path}: ${each.fault}`] : [])),
  }
}

type Sender = Readonly<{
  issuer: string
  /** BRAND_NAME */
  brand_name: string
  /** The operator's own mails, which go before ours. */
  own: Templates
  /** Puts a mail into the look of the brand. */
  dress: (
    mail: Readonly<{ language: Language; subject: string; paragraphs: readonly Paragraph[] }>,
  ) => HtmlPart
}>

/** A mail in the language of its recipient. The standard language takes the place of one that has no such mail. */
export const openMailTemplates = ({
  issuer,
  brand_name: brand,
  own,
  dress,
}: Sender): ((mail: Mail) => Letter) => {
  const templates = new Map([...readMailTemplates(), ...own])
  const host = new URL(issuer).host
  return ({ name, language: wanted, values }) => {
    const language = templates.has(`${wanted}/${name}`) ? wanted : STANDARD_LANGUAGE
    const template = templates.get(`${language}/${name}`)
    if (template === undefined) throw new Error(`no template of ${name}`)
    const { subject, text, paragraphs } = writeLetter(template, { ...values, host, brand })
    return { subject, text, html: dress({ language, subject, paragraphs }) }
  }
}

/** Reads each file of templates/mail: each language has a folder and each mail a file. Throws a StartFault where one cannot be read. */
export const readMailTemplates = (): Templates =>
  new Map(
    MAIL_NAMES.flatMap(name =>
      readdirSync(DIRECTORY).map(language => [`${language}/${name}`, read(`${language}/${name}`)] as const),
    ),
  )

const read = (name: string): LetterTemplate => {
  const template = parseLetterTemplate(readText(name))
  if (template === null)
    throw new StartFault([`${fileOf(name)} does not begin with its subject and an empty line; ${INSTALL}`])
  return template
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
