/** How the issuer is asked: the runtime's own fetch, or a stand-in with a proxy or a private CA. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>

type FetchInit = Readonly<{
  redirect: 'manual'
  headers: Readonly<Record<string, string>>
  signal: AbortSignal
}>

export type RemoteJson = Readonly<{ json: unknown; max_age_seconds: number | null }>

/** Ours: seconds that an answer may take, to its last byte. */
const TIMEOUT_SECONDS = 5
/** Ours: a key takes half a kilobyte; metadata a few. */
const LARGEST_BYTES = 65_536

/**
 * One GET of a JSON document. Rejects on anything but a prompt, small 200. A redirect is refused and not followed: who
 * controls an open redirect of the issuer must not choose its keys.
 */
export const fetchJson = async (url: string, fetch: Fetch): Promise<RemoteJson> => {
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { Accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status}`)
  }
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await readAll(url, response))
  return { json: JSON.parse(text), max_age_seconds: maxAgeOf(response.headers.get('Cache-Control')) }
}

const readAll = async (url: string, response: Response): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    size += part.value.length
    if (size > LARGEST_BYTES) {
      await reader?.cancel()
      throw new Error(`${url} is larger than ${LARGEST_BYTES} bytes`)
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
