import type { Passkey } from '../../domain/factors/passkey.ts'
import { accountSheet, card, type Frame } from '../account-pages/frame.ts'
import { actions } from '../account-pages/parts.ts'
import { html } from '../layout/html.ts'
import { inLanguage, type Page } from '../layout/layout.ts'
import { button, form, note } from '../layout/parts.ts'
import { backLink, passkeyPath } from './parts.ts'

type Removal = Readonly<{
  frame: Frame
  /** Null: the authenticator application. */
  passkey: Pick<Passkey, 'id' | 'label'> | null
  /** The last factor takes the recovery codes with it; the only way to sign in stays. */
  what: 'one_of_several' | 'last' | 'only_way'
}>

/** What it means to remove a factor, before it is done. */
export const removalPage =
  ({ frame, passkey, what }: Removal): Page =>
  view => {
    const { say } = view
    const title =
      passkey === null ? say('security.remove_app') : say('security.remove_passkey', { name: passkey.label })
    const of = passkey === null ? '/account/security/authenticator' : passkeyPath(passkey.id)
    const path = `${of}/remove`
    const buttons = actions(
      button({ label: say('security.remove'), busy: say('security.remove_busy'), kind: 'danger' }),
      backLink(view),
    )
    const last = note({ kind: 'warn', text: say('security.remove_last') })
    const content =
      what === 'only_way'
        ? html`${note({ kind: 'warn', text: say('security.remove_only_way') })}
${actions(backLink(view))}`
        : html`<p class="muted">${say('security.remove_help')}</p>
${what === 'last' ? last : null}
${form(view, { action: path, hidden: { request: frame.sealed }, content: buttons })}`
    return {
      ...accountSheet(view, { frame, tab: 'security', cards: card({ title, content }) }),
      addressIn: language => inLanguage(path, language),
    }
  }
