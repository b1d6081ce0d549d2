import { z } from 'zod'
import { isLoopback } from '../domain/base/ip-address.ts'
import { type Palette, paletteOf, parseColor } from '../domain/base/palette.ts'
import { optionalPath, parsed, quote, refuse } from './schemas.ts'
import type { Setting } from './setting.ts'

const NAME_MAX_CHARACTERS = 40
const STANDARD_COLOR = '#3b5bdb'

/** The address of a page of the operator, to which the pages link. */
const page = (what: string) => ({
  schema: z
    .string()
    .optional()
    .transform((value, context) => {
      if (value === undefined || isPage(value)) return value ?? null
      return refuse(context, `must be an https or mailto URL, or http on loopback, not ${quote(value)}`)
    }),
  standard: 'unset: no link',
  help: `${what}, linked at the foot of every page: an https URL, or \`mailto:\`.`,
})

const isPage = (value: string): boolean => {
  if (!URL.canParse(value)) return false
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || protocol === 'mailto:' || (protocol === 'http:' && isLoopback(hostname))
}

/** The settings of how the pages and the mails look. */
export const BRAND_SETTINGS = {
  BRAND_NAME: {
    ...parsed('Signet', (value, context) => {
      const name = value.trim()
      const length = Array.from(name).length
      return length >= 1 && length <= NAME_MAX_CHARACTERS && /^[^\p{C}<>]+$/u.test(name)
        ? name
        : refuse(context, `must be 1 to ${NAME_MAX_CHARACTERS} characters in one line, without < and >`)
    }),
    help: 'The name of your product, on every page and in every mail.',
  },
  BRAND_LOGO_FILE: {
    schema: optionalPath,
    standard: 'unset: the initial of `BRAND_NAME`',
    help: 'An image of 64 kB at most, SVG, PNG, JPEG or WebP, shown 32 pixels high beside the name and in the tab of the browser. Read at start.',
  },
  BRAND_COLOR: {
    ...parsed(STANDARD_COLOR, (value, context): Palette => {
      const color = parseColor(value)
      if (color === null)
        return refuse(context, `must be a colour such as ${STANDARD_COLOR}, not ${quote(value)}`)
      const palette = paletteOf(color)
      return 'contrast' in palette
        ? refuse(
            context,
            `is too light: a button in ${color} has a contrast of ${palette.contrast.toFixed(1)} with the white card, and 3 is needed; take a darker shade`,
          )
        : palette
    }),
    help: 'The colour of buttons and links, as `#rrggbb`. Text on it, its shades and those of the dark scheme are computed, with a contrast of 4.5:1 or more; a colour that is too light for a button on white is refused.',
  },
  TERMS_URL: page('Your terms of use'),
  PRIVACY_URL: page('Your privacy notice'),
  SUPPORT_URL: page('Your help page, or an address of your support'),
  TEMPLATES_DIR: {
    schema: optionalPath,
    standard: 'unset: the words of Signet',
    help: 'A directory with your own words and languages for pages and mails: only the texts that you change. Read at start. See docs/sign-in-to-applications.md.',
  },
} as const satisfies Record<string, Setting<unknown>>
