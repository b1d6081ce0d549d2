import type { Language } from '../../domain/base/language.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Sheet, type View } from '../layout/layout.ts'

/** Proxies and browsers refuse longer addresses. */
export const ADDRESS_MAX_CHARACTERS = 2_048

/** Room for the path and the language of a page beside its sealed request. */
const ROOM_CHARACTERS = 100

const CARRIER = 'carrier'

type Link = Readonly<{ path: string; sealed: string; label: Html; isSmall?: true }>

/** Leads to another page of the same request: a link, or a button of the `carrier` where the request is too long for an address. */
export const requestLink = ({ language }: View, { path, sealed, label, isSmall }: Link): Html => {
  if (!isLong(sealed)) {
    const address = inLanguage(`${path}?request=${sealed}`, language)
    return html`<a${isSmall ? html` class="small"` : null} href="${address}">${label}</a>`
  }
  const action = inLanguage(path, language)
  const link = html`<button class="link" form="${CARRIER}" formaction="${action}" name="show" value="page">${label}</button>`
  return isSmall ? html`<span class="small">${link}</span>` : link
}

/** The form of those buttons, outside of every other form; nothing where the request fits into an address. */
export const carrier = ({ language }: View, { path, sealed }: Pick<Link, 'path' | 'sealed'>): Html | null =>
  isLong(sealed)
    ? html`<form method="post" action="${inLanguage(path, language)}" id="${CARRIER}"><input type="hidden" name="request" value="${sealed}"></form>`
    : null

/** The page in another language, unless its request is too long for an address. */
export const requestAddress = ({ path, sealed }: Pick<Link, 'path' | 'sealed'>): Pick<Sheet, 'addressIn'> =>
  isLong(sealed)
    ? {}
    : { addressIn: (language: Language) => inLanguage(`${path}?request=${sealed}`, language) }

const isLong = (sealed: string): boolean => sealed.length > ADDRESS_MAX_CHARACTERS - ROOM_CHARACTERS
