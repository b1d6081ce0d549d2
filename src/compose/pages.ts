import type { Config } from '../config.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import type { Brand } from '../http/layout/brand.ts'
import { openPages, type UpstreamOffer } from '../http/layout/layout.ts'
import { readLogo } from '../platform/config-files/brand-logo.ts'
import type { ComposedTemplates } from './templates.ts'

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
