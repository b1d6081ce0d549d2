/** The function that sends requests to the issuer: the runtime's own fetch, or a stand-in with a proxy or a private CA. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>

type FetchInit = Readonly<{
  redirect: 'manual'
  headers: Readonly<Record<string, string>>
  signal: AbortSignal
}>

export type RemoteJson = Readonly<{ json: unknown; max_age_seconds: number | null }>

/** Limits of an answer: the seconds until its last byte, and its size. */
export type FetchLimits = Readonly<{ accept: string; seconds: number; bytes: number; signal?: AbortSignal }>

export type RemoteText = Readonly<{ text: string; headers: Headers }>

/** An answer other than 200. */
export class StatusFault extends Error {
  override readonly name = 'StatusFault'
  readonly status: number

  constructor(url: string, status: number) {
    super(`${url} answered ${status}`)
    this.status = status
  }
}

/** Ours: a key takes half a kilobyte; metadata a few. */
const JSON_LIMITS: FetchLimits = { accept: 'application/json', seconds: 5, bytes: 65_536 }

/** One GET of a JSON document. */
export const fetchJson = async (url: string, fetch: Fetch): Promise<RemoteJson> => {
  const { text, headers } = await fetchText(url, fetch, JSON_LIMITS)
  return { json: JSON.parse(text), max_age_seconds: maxAgeOf(headers.get('Cache-Control')) }
}

/**
 * One GET of a text. Rejects any answer but a 200 within the limits. A redirect is refused and not followed: an attacker
 * who finds an open redirect at the issuer must not choose its keys.
 */
export const fetchText = async (url: string, fetch: Fetch, limits: FetchLimits): Promise<RemoteText> => {
  const timeout = AbortSignal.timeout(limits.seconds * 1000)
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { Accept: limits.accept },
    signal: limits.signal === undefined ? timeout : AbortSignal.any([timeout, limits.signal]),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new StatusFault(url, response.status)
  }
  const bytes = await readAll(url, response, limits.bytes)
  return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), headers: response.headers }
}

const readAll = async (url: string, response: Response, most: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    size += part.value.length
    if (size > most) {
      await reader?.cancel()
      throw new Error(`${url} is larger than ${most} bytes`)
    }
    chunks.push(part.value)
  }
  return joined(chunks, size)
}

const joined = (chunks: readonly Uint8Array[], size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** RFC 9111 §5.2.2.1 */
const maxAgeOf = (cacheControl: string | null): number | null => {
  const seconds = /(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])/i.exec(cacheControl ?? '')?.[1]
  return seconds === undefined ? null : Number(seconds)
}

/** RFC 8414 §2, RFC 9700 §2.6 – https, or http to this very machine. */
export const isTrustworthyUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
