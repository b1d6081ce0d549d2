import type { Call } from './route.ts'

/** One cookie that scripts cannot read: its name, how it is set and cleared, and how it is read. */
export type Cookie = Readonly<{
  /** A Set-Cookie for that many seconds. */
  write: (value: string, max_age_seconds: number) => string
  /** A Set-Cookie with the same attributes, which is what makes a browser drop the one that it has. */
  clear: string
  /** Null when it is not there. Ours: also when it is there twice; one of them is somebody else's. */
  read: (call: Call) => string | null
}>

/**
 * RFC 6265bis §4.1.3.2 – `__Host-`: set over https, for this host alone, so that no neighbour domain can plant one.
 * A cookie for one path cannot have that prefix, and has `__Secure-`.
 * Ours: browsers keep no Secure cookie from http, so that a loopback issuer does without both.
 */
export const createCookie = (
  bare_name: string,
  issuer: string,
  same_site: 'Strict' | 'Lax' = 'Strict',
  path: `/${string}` = '/',
): Cookie => {
  const isSecure = issuer.startsWith('https:')
  const prefix = path === '/' ? '__Host-' : '__Secure-'
  const name = isSecure ? `${prefix}${bare_name}` : bare_name
  const write = (value: string, max_age_seconds: number) =>
    `${name}=${value}; Path=${path}; Max-Age=${max_age_seconds}; HttpOnly; ${isSecure ? 'Secure; ' : ''}SameSite=${same_site}`
  return {
    write,
    clear: write('', 0),
    read: ({ header }) => {
      const pairs = (header('cookie') ?? '').split(';').map(pair => pair.trim())
      const values = pairs
        .filter(pair => pair.startsWith(`${name}=`))
        .map(pair => pair.slice(name.length + 1))
      const [value] = values
      return values.length === 1 && value ? value : null
    },
  }
}
