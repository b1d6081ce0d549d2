/** The place of a caller in a trace. */
export type RemoteParent = Readonly<{ traceId: string; spanId: string; traceFlags: number }>

/** W3C Trace Context §3.2.2.3 – The one flag that is defined in version 00. */
const SAMPLED = 1

/**
 * W3C Trace Context §3.2, §4.3 – The parent that a `traceparent` names; null where the header is invalid, which is then ignored. A later
 * version may add members. Ours: `tracestate` is not read, since its text would come to the collector.
 */
export const parseTraceparent = (header: string): RemoteParent | null => {
  const [, version, traceId = '', spanId = '', flags = '', rest] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/.exec(header) ?? []
  if (version === undefined || version === 'ff') return null
  if (version === '00' && rest !== undefined) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED }
}

/** W3C Trace Context §3.2 – The header that names this place. */
export const formatTraceparent = ({ traceId, spanId, traceFlags }: RemoteParent): string =>
  `00-${traceId}-${spanId}-${(traceFlags & SAMPLED).toString(16).padStart(2, '0')}`
