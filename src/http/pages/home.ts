import { html, type Page } from './layout.ts'

/** Ours – For a person who opens the issuer in a browser: the name of this server, and where its interfaces are described. */
export const HOME_PAGE: Page = {
  language: 'en',
  title: 'Signet',
  content: html`<p>This is an OAuth 2 authorization server.</p>
<ul>
<li><a href="/docs">API reference</a></li>
<li><a href="/.well-known/oauth-authorization-server">Metadata</a> (RFC 8414)</li>
<li><a href="/.well-known/jwks.json">Signing keys</a> (JWKS)</li>
</ul>`,
}
