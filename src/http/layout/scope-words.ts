import { type ScopeCatalogue, wordsIn } from '../../domain/authorization/scope-catalogue.ts'
import { type Html, html } from './html.ts'
import type { Icon } from './icons.ts'
import type { View } from './layout.ts'

type ScopeWords = Readonly<{ icon: Icon; title: Html; description: Html | null }>

/** What people are told of a scope: in the operator's words, else in those of the pages, else the scope itself. */
export const scopeWords = (view: View, scope: string, catalogue: ScopeCatalogue): ScopeWords => {
  const { icon, ...known } = knownWords(view, scope)
  const { title = null, description = null } = catalogue.get(scope) ?? {}
  const said = (words: typeof title) => words && html`${wordsIn(words, view.language)}`
  // A description of the pages may not fit a title of the operator.
  const standard = title === null ? known.description : null
  return { icon, title: said(title) ?? known.title, description: said(description) ?? standard }
}

const knownWords = ({ say }: View, scope: string): ScopeWords => {
  switch (scope) {
    case 'openid':
      return { icon: 'shield', title: say('consent.openid'), description: say('consent.openid_detail') }
    case 'profile':
      return { icon: 'user', title: say('consent.profile'), description: say('consent.profile_detail') }
    case 'email':
      return { icon: 'mail', title: say('consent.email'), description: null }
    case 'offline_access':
      return { icon: 'clock', title: say('consent.offline'), description: say('consent.offline_detail') }
    default:
      return { icon: 'key', title: html`${scope}`, description: null }
  }
}
