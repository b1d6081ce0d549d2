import { upstreamPath } from '../../domain/upstream/upstream.ts'
import { type Html, html } from './html.ts'
import { icon } from './icons.ts'
import { inLanguage, type UpstreamOffer, type View } from './layout.ts'

type Buttons = Readonly<{
  sealed: string
  /** The ids of the providers that would do. Default: all of them. */
  only?: readonly string[] | undefined
}>

/** A button for each provider, in a form of its own; nothing without one. */
export const upstreamButtons = (view: View, { sealed, only }: Buttons): Html | null => {
  const shown = view.upstreams.filter(({ id }) => only === undefined || only.includes(id))
  if (shown.length === 0) return null
  return html`<p class="or">${view.say('passkey.or')}</p>
<div class="upstreams">${shown.map(each => upstreamForm(view, { upstream: each, sealed }))}</div>`
}

const upstreamForm = (
  { language, say }: View,
  { upstream, sealed }: Readonly<{ upstream: UpstreamOffer; sealed: string }>,
): Html => {
  const { id, label } = upstream
  return html`<form method="post" action="${inLanguage(upstreamPath(id), language)}">
<input type="hidden" name="request" value="${sealed}">
<button class="quiet" data-busy="${say('upstream.busy')}">${iconOf(upstream)}<span>${say('upstream.button', { provider: label })}</span></button>
</form>`
}

/** The icon of the provider; a person where it has none. It says nothing that the label does not. */
export const iconOf = ({ id, icon_version }: UpstreamOffer): Html =>
  icon_version === null
    ? icon('user')
    : html`<img src="${upstreamPath(id)}/icon?v=${icon_version}" alt="" width="20" height="20">`

/** The origins to which the buttons of a page lead. */
export const upstreamTargets = ({ upstreams }: Pick<View, 'upstreams'>): readonly string[] =>
  upstreams.flatMap(({ form_origins }) => form_origins)
