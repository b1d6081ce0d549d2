import { hash } from 'node:crypto'
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
  const { name, write } = createWrite({ bare_name, issuer, same_site, path })
  return {
    write: (value, max_age_seconds) => write(name, value, max_age_seconds),
    clear: write(name, '', 0),
    read: call => {
      const values = pairsOf(call).filter(pair => pair.name === name)
      const [pair] = values
      return values.length === 1 && pair?.value ? pair.value : null
    },
  }
}

/** Cookies of one kind, each with a name of its own: of requests that a browser sends at once, no answer overwrites the cookie of another. */
export type CookieSet = Readonly<{
  write: (value: string, max_age_seconds: number) => string
  clear: (value: string) => string
  /** The values, in the order in which the browser got them (RFC 6265 §5.4). */
  read: (call: Call) => readonly string[]
}>

/** Ours – Values are 22 characters of base64url: 128 random bits. The name of each is made from its value, and tells nothing of it. */
export const createCookieSet = (bare_name: string, issuer: string): CookieSet => {
  const { name, write } = createWrite({ bare_name, issuer, same_site: 'Lax', path: '/' })
  const nameOf = (value: string) => `${name}-${hash('sha256', value, 'base64url').slice(0, 8)}`
  return {
    write: (value, max_age_seconds) => write(nameOf(value), value, max_age_seconds),
    clear: value => write(nameOf(value), '', 0),
    read: call =>
      pairsOf(call)
        .filter(pair => /^[\w-]{22}$/.test(pair.value) && pair.name === nameOf(pair.value))
        .map(({ value }) => value),
  }
}

/** Cookies of one kind, each under a key that the way back names. */
export type KeyedCookies = Readonly<{
  write: (key: string, value: string, max_age_seconds: number) => string
  clear: (key: string) => string
  /** Null when the cookie is absent, and when it occurs twice. */
  read: (call: Call, key: string) => string | null
  /** In the order in which the browser got them. */
  keys: (call: Call) => readonly string[]
}>

/** Ours – SameSite=Lax: they come with the way back from another site. A key is 8 characters of base64url. */
export const createKeyedCookies = (bare_name: string, issuer: string): KeyedCookies => {
  const { name, write } = createWrite({ bare_name, issuer, same_site: 'Lax', path: '/' })
  const prefix = `${name}-`
  return {
    write: (key, value, max_age_seconds) => write(`${prefix}${key}`, value, max_age_seconds),
    clear: key => write(`${prefix}${key}`, '', 0),
    read: (call, key) => {
      const values = pairsOf(call).filter(pair => pair.name === `${prefix}${key}`)
      const [pair] = values
      return values.length === 1 && pair?.value ? pair.value : null
    },
    keys: call =>
      pairsOf(call)
        .filter(pair => pair.name.startsWith(prefix) && /^[\w-]{8}$/.test(pair.name.slice(prefix.length)))
        .map(pair => pair.name.slice(prefix.length)),
  }
}

type Named = Readonly<{ bare_name: string; issuer: string; same_site: 'Strict' | 'Lax'; path: `/${string}` }>

const createWrite = ({ bare_name, issuer, same_site, path }: Named) => {
  const isSecure = issuer.startsWith('https:')
  const prefix = path === '/' ? '__Host-' : '__Secure-'
  const write = (name: string, value: string, max_age_seconds: number) =>
    `${name}=${value}; Path=${path}; Max-Age=${max_age_seconds}; HttpOnly; ${isSecure ? 'Secure; ' : ''}SameSite=${same_site}`
  return { name: isSecure ? `${prefix}${bare_name}` : bare_name, write }
}

const pairsOf = ({ header }: Call) =>
  (header('cookie') ?? '').split(';').map(pair => {
    const [name = '', value = ''] = pair.trim().split(/=(.*)/s)
    return { name, value }
  })
