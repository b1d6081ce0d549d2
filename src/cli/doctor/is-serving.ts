import type { Config } from '../../config.ts'

/** Milliseconds within which a server on the port has to answer with its metadata. */
const METADATA_MILLISECONDS = 2_000

/** Whether a server of this issuer answers on the port: the doctor is asked about running servers too. */
export const isServing = async ({ HOST, PORT, ISSUER }: Config): Promise<boolean> => {
  const host = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[HOST] ?? (HOST.includes(':') ? `[${HOST}]` : HOST)
  try {
    const answer = await fetch(`http://${host}:${PORT}/.well-known/oauth-authorization-server`, {
      signal: AbortSignal.timeout(METADATA_MILLISECONDS),
      redirect: 'error',
    })
    const metadata: unknown = await answer.json()
    return (
      typeof metadata === 'object' && metadata !== null && 'issuer' in metadata && metadata.issuer === ISSUER
    )
  } catch {
    return false
  }
}
