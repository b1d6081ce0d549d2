import type { AddressRange } from '../base/ip-address.ts'
import { judgeOutboundUrl, type UrlRefusal } from '../outbound/outbound-target.ts'
import type { Client } from './client.ts'

const FAULTS: Readonly<Record<UrlRefusal, string>> = {
  url_malformed: 'must be an absolute https URL',
  user_information: 'must have no user information',
  scheme_refused: 'must be https; http is for the addresses that OUTBOUND_ALLOW names',
  address_refused:
    'is at an internal address that OUTBOUND_ALLOW does not name: add the address to OUTBOUND_ALLOW, or register a public one',
}

/**
 * OpenID Connect Back-Channel Logout §2.2 – What is wrong with the URI of a client, null: nothing. A name is judged when it is called,
 * because it may lead to another address by then.
 */
export const judgeLogoutUri = (
  { backchannel_logout_uri: uri }: Pick<Client, 'backchannel_logout_uri'>,
  allow: readonly AddressRange[],
): string | null => {
  if (uri === undefined) return null
  if (uri.includes('#')) return 'must have no fragment'
  const judged = judgeOutboundUrl(uri, allow)
  return 'refusal' in judged ? FAULTS[judged.refusal] : null
}
