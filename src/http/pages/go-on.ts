import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'

type GoOn = Readonly<{ address: string; provider: string }>

/** CSP Level 3 – Leads to a provider at an origin that the policy of the page before did not name: a link is no answer to a form. */
export const goOnPage =
  ({ address, provider }: GoOn): Page =>
  ({ say }) => ({
    title: say('upstream.go_on_title', { provider }),
    lead: say('upstream.go_on_help', { provider }),
    content: html`<a class="button" href="${address}">${say('upstream.go_on_button')}</a>`,
  })
