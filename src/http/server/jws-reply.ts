import type { Call, Reply } from './route.ts'
import { matchesEtag } from './route.ts'

/** `body` has the JWS as bytes, for an answer that many requests share. */
type Kept = Readonly<{
  type: string
  cache_control: string
  header: Call['header']
  body?: Uint8Array<ArrayBuffer>
}>

/** RFC 9110 §15.4.5 – A signed document that caches may keep; 304 where the caller has it already. */
export const jwsReply = (jws: string, { type, cache_control, header, body }: Kept): Reply => {
  // The end of the signature differs for every content.
  const etag = `"${jws.slice(-22)}"`
  const headers = { 'Cache-Control': cache_control, ETag: etag }
  if (matchesEtag(etag, header('if-none-match'))) return { status: 304, body: null, headers }
  return { status: 200, body: body ?? jws, headers: { ...headers, 'Content-Type': type } }
}
