import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { itemList } from '../layout/parts.ts'

/** Ours – For a person who opens the issuer in a browser: what this server is, and where its interfaces are described. */
export const homePage: Page = ({ say, brand }) => ({
  title: brand.name,
  lead: say('home.lead'),
  content: itemList([
    { icon: 'terminal', label: html`<a href="/docs">${say('home.docs')}</a>` },
    {
      icon: 'device',
      label: html`<a href="/.well-known/oauth-authorization-server">${say('home.metadata')}</a>`,
    },
    { icon: 'key', label: html`<a href="/.well-known/jwks.json">${say('home.keys')}</a>` },
  ]),
})
