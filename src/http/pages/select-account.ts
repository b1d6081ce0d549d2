import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button, form } from '../layout/parts.ts'
import type { Asking } from './asking.ts'
import { requestAddress } from './request-link.ts'
import { leadOf } from './sign-in.ts'

type SelectAccount = Readonly<{ sealed: string; asking: Asking; email: string }>

/** OpenID Connect Core §3.1.2.1 – `prompt=select_account`: the account that is signed in, or another one. */
export const selectAccountPage =
  ({ sealed, asking, email }: SelectAccount): Page =>
  view => {
    const { say } = view
    return {
      title: say('select-account.title'),
      ...leadOf(view, asking),
      content: html`${form(view, {
        action: '/sign-in',
        hidden: { request: sealed },
        content: [
          button({ label: say('select-account.continue', { email }), name: 'decision', value: 'continue' }),
          button({ label: say('select-account.another'), kind: 'quiet', name: 'decision', value: 'another' }),
        ],
      })}`,
      form_targets: asking.form_targets,
      ...requestAddress({ path: '/sign-in', sealed }),
    }
  }
