import { hash } from 'node:crypto'
import type { Language } from '../../domain/base/language.ts'

/** HTML that was put together here. */
export type Html = Readonly<{ html: string }>

/** HTML Living Standard, §13.1.2 – What is put in is text, in content as in attributes, unless it is Html itself. */
export const html = (parts: TemplateStringsArray, ...values: readonly (string | Html)[]): Html => ({
  html: parts.reduce((all, part, index) => {
    const value = values[index - 1] ?? ''
    return all + (typeof value === 'string' ? escape(value) : value.html) + part
  }),
})

const escape = (text: string) => text.replaceAll(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:10vh auto;padding:0 1rem;color:#1a1a1a;background:#fff}
label,input,button{display:block;font:inherit;box-sizing:border-box}
input,button{width:100%;padding:.6rem;margin:.3rem 0 1rem;border:1px solid #595959;border-radius:.3rem}
button{border-color:#1a4fa0;background:#1a4fa0;color:#fff;cursor:pointer}
:focus-visible{outline:3px solid #1a4fa0;outline-offset:2px}
.fault{color:#a40000}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}.fault{color:#ff9d9d}}`

/** W3C CSP Level 3 – No script at all, this one style, forms to here alone, and in nobody's frame. */
export const PAGE_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export type Page = Readonly<{ language: Language; title: string; content: Html }>

/** A whole page, for people. */
export const renderPage = ({ language, title, content }: Page): string =>
  html`<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${{ html: STYLE }}</style>
<main>
<h1>${title}</h1>
${content}
</main>
</html>
`.html
