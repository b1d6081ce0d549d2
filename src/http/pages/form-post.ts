import { attributes, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button } from '../layout/parts.ts'

type FormPost = Readonly<{
  action: string
  parameters: readonly (readonly [string, string])[]
  form_targets: readonly string[]
}>

/** OAuth 2.0 Form Post Response Mode §2 – The answer to an application. */
export const formPostPage =
  (answer: FormPost): Page =>
  view => ({ ...sendOnPage(answer)(view), lead: view.say('form-post.help') })

/** Ours – A form that the script sends, and without a script the person. */
export const sendOnPage =
  ({ action, parameters, form_targets }: FormPost): Page =>
  ({ say }) => ({
    title: say('form-post.title'),
    content: html`<form${attributes({ method: 'post', action, 'data-send': true })}>
${parameters.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${button({ label: say('form-post.button') })}
</form>`,
    form_targets,
  })
