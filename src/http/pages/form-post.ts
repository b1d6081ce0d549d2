import { attributes, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button } from '../layout/parts.ts'

type FormPost = Readonly<{
  action: string
  parameters: Readonly<Record<string, string>>
  form_targets: readonly string[]
}>

/** OAuth 2.0 Form Post Response Mode §2 – The answer in a form: the script sends it, and without a script the person does. */
export const formPostPage =
  ({ action, parameters, form_targets }: FormPost): Page =>
  ({ say }) => ({
    title: say('form-post.title'),
    lead: say('form-post.help'),
    content: html`<form${attributes({ method: 'post', action, 'data-send': true })}>
${Object.entries(parameters).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${button({ label: say('form-post.button') })}
</form>`,
    form_targets,
  })
