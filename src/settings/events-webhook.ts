import type { AddressRange } from '../domain/base/ip-address.ts'
import { judgeOutboundUrl } from '../domain/outbound/outbound-target.ts'
import { url } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The setting of the server that is sent the events. */
export const EVENTS_WEBHOOK_SETTINGS = {
  EVENTS_WEBHOOK_URL: {
    schema: url('https:', 'http:'),
    standard: 'unset: events are sent nowhere',
    help: 'URL that is sent every event from its first setting on, at least once each, and in order for a person. https, or an address of `OUTBOUND_ALLOW`. See docs/events.md.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type Judged = Readonly<{
  EVENTS_WEBHOOK_URL?: string | null
  OUTBOUND_ALLOW?: readonly AddressRange[]
}>

/** Ours – The URL is judged at the start as at each request. */
export const judgeEventsWebhook = ({
  EVENTS_WEBHOOK_URL: url,
  OUTBOUND_ALLOW: allow,
}: Judged): readonly string[] =>
  url && allow !== undefined && 'refusal' in judgeOutboundUrl(url, allow)
    ? ['EVENTS_WEBHOOK_URL must be an https URL of a public address, or one that OUTBOUND_ALLOW names']
    : []
