import type { Config } from '../config.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import type { Brand } from '../http/layout/brand.ts'
import { openPages, type UpstreamOffer } from '../http/layout/layout.ts'
import { judgeOwnTexts, TEXT_COUNT } from '../http/layout/own-texts.ts'
import { COMPLETE_LANGUAGES } from '../http/layout/texts.ts'
import { readLogo } from '../platform/config-files/brand-logo.ts'
import { judgeOwnMails, MAIL_NAMES } from '../platform/mail-templates.ts'
import { readTemplatesDirectory } from '../platform/templates-directory.ts'
import type { Log } from '../ports/effects.ts'

type BrandSettings = Pick<
  Config,
  'BRAND_NAME' | 'BRAND_LOGO_FILE' | 'BRAND_COLOR' | 'TERMS_URL' | 'PRIVACY_URL' | 'SUPPORT_URL'
>

/** The look of the settings. Throws a StartFault where the logo cannot be shown. */
export const composeBrand = (config: BrandSettings): Brand => {
  const { BRAND_LOGO_FILE } = config
  const logo = BRAND_LOGO_FILE === null ? null : readLogo(BRAND_LOGO_FILE)
  if (logo !== null && 'fault' in logo) throw new StartFault([logo.fault])
  return {
    name: config.BRAND_NAME,
    palette: config.BRAND_COLOR,
    logo,
    terms_url: config.TERMS_URL,
    privacy_url: config.PRIVACY_URL,
    support_url: config.SUPPORT_URL,
  }
}

/** The pages in the look and the words of the settings. Throws a StartFault where the logo cannot be shown. */
export const composePages = (
  config: Config,
  {
    words,
    upstreams,
  }: Pick<ComposedTemplates, 'words'> & Readonly<{ upstreams: () => readonly UpstreamOffer[] }>,
) => openPages(composeBrand(config), words, upstreams)

export type ComposedPages = ReturnType<typeof composePages>

/** The operator's own words for pages and mails. Throws a StartFault with a line for everything that is wrong with them. */
export const composeTemplates = ({ TEMPLATES_DIR }: Pick<Config, 'TEMPLATES_DIR'>, log: Log) => {
  const files = TEMPLATES_DIR === null ? NO_FILES : readTemplatesDirectory(TEMPLATES_DIR)
  const { words, faults: wrongTexts } = judgeOwnTexts(files.pages)
  const { templates: mails, faults: wrongMails } = judgeOwnMails(files.mail)
  const known = new Set([...COMPLETE_LANGUAGES, ...words.keys()])
  const mailLanguages = [...new Set(files.mail.map(({ language }) => language))]
  const silent = mailLanguages.filter(language => !known.has(language))
  const faults = [
    ...files.faults,
    ...wrongTexts,
    ...wrongMails,
    ...silent.map(
      language => `mail/${language} needs pages/${language} beside it, where its readers choose it`,
    ),
  ]
  if (faults.length > 0) throw new StartFault(faults.map(fault => `TEMPLATES_DIR: ${fault}`))
  for (const [language, own] of words) {
    const own_mails = files.mail.filter(file => file.language === language).length
    const missing = TEXT_COUNT + MAIL_NAMES.length - own.size - own_mails
    if (missing > 0 && !COMPLETE_LANGUAGES.includes(language))
      log.warn({ language, missing }, 'TEMPLATES_DIR: what the language lacks is shown in English')
  }
  return { words, mails }
}

export type ComposedTemplates = ReturnType<typeof composeTemplates>

const NO_FILES = { pages: [], mail: [], faults: [] }
