import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import type { AuthorizationRequest } from '../../domain/authorization/authorization-request.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { isLoopbackOrPrivateUse } from '../../domain/oauth/redirect-uri.ts'

/** The application that asks, as a person is shown it. */
export type Asking = Readonly<{
  /** As the application calls itself. */
  name: string
  /** The host that answers go to; null for a program on this computer. */
  redirect_host: string | null
  /** The host that the application is run by, or says that it is; null where it says none. */
  client_host: string | null
  /** Pages of the application; null where it has none. */
  policy_uri: string | null
  tos_uri: string | null
  /** Where the people who are responsible for the application can be written to; null where it names no e-mail address. */
  contact: string | null
  form_targets: readonly string[]
}>

export const askingOf = ({
  request: { redirect_uri },
  client,
}: Readonly<{ request: Pick<AuthorizationRequest, 'redirect_uri'>; client: Client }>): Asking => ({
  name: client.client_name ?? client.client_id,
  redirect_host: isLoopbackOrPrivateUse(redirect_uri) ? null : new URL(redirect_uri).host,
  client_host: clientHostOf(client),
  policy_uri: client.policy_uri ?? null,
  tos_uri: client.tos_uri ?? null,
  contact: client.contacts.map(normalizeEmail).find(each => judgeEmail(each) === null) ?? null,
  form_targets: formTargetsOf(redirect_uri),
})

/**
 * draft-ietf-oauth-client-id-metadata-document §6 – Of a client that a document describes it is the host of that document, which alone is
 * proved. A `client_uri` is only claimed there, and by a client that has registered itself, which proves no host.
 */
const clientHostOf = ({ client_id, client_uri, document_digest }: Client): string | null => {
  const address = document_digest === undefined ? client_uri : client_id
  return address === undefined || !URL.canParse(address) ? null : new URL(address).host
}

/** Where an application may lead a browser on to: its origin elsewhere, or a program on the person's computer. */
const FURTHER_TARGETS = ['https:', 'http://localhost:*', 'http://127.0.0.1:*'] as const

/**
 * W3C CSP Level 3 §2.3.1, §6.3.1 – Chromium holds every redirect that follows a form to `form-action`, those of the application among them.
 * Many applications redirect from their redirect URI to an origin that no registration names, and the person would be left on our page.
 */
export const formTargetsOf = (redirect_uri: string): readonly string[] => {
  const target = formTargetOf(redirect_uri)
  return /^https?:/.test(target) ? [target, ...FURTHER_TARGETS] : [target]
}

/** An origin, or the scheme of an application. A policy cannot name an IPv6 address: browsers ignore such a source, so that the scheme stands for it. */
const formTargetOf = (redirect_uri: string): string => {
  const { origin, protocol, hostname } = new URL(redirect_uri)
  const isWeb = protocol === 'https:' || protocol === 'http:'
  return isWeb && !hostname.startsWith('[') ? origin : protocol
}
