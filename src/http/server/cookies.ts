import type { Call } from './route.ts'

/** A cookie that scripts cannot read. */
export type Cookie = Readonly<{
  /** A Set-Cookie for that many seconds. */
  write: (value: string, max_age_seconds: number) => string
  /** A Set-Cookie with the same attributes, by which a browser deletes the cookie. */
  clear: string
  /** Null when the cookie is absent. Ours: also when it occurs twice, because another site of the domain has set one of them. */
  read: (call: Call) => string | null
}>

/**
 * RFC 6265bis §4.1.3.2 – `__Host-`: set over https, for this host alone, so that no neighbouring domain can set it.
 * A cookie for one path cannot have that prefix, and has `__Secure-`.
 * Ours: a loopback issuer on http uses neither the prefix nor Secure, because browsers keep no Secure cookie from http.
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
