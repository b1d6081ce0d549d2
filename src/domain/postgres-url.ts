export type PostgresHost = Readonly<{ host: string; port: number | null }>

/**
 * PostgreSQL, "Connection URIs" – The hosts, of which there may be several, each with a port of its own, or none; and the rest as the
 * web's URL, which knows one host. Null for what is no such URL.
 */
export const readPostgresUrl = (
  text: string,
): Readonly<{ hosts: readonly PostgresHost[]; url: URL }> | null => {
  const [, before = '', list, after = ''] = AUTHORITY.exec(text.trim()) ?? []
  if (list === undefined) return null
  const hosts = list === '' ? [] : list.split(',').map(readHost)
  const [first = ''] = list.split(',')
  const single = `${before}${first}${after}`
  if (!isWhole(hosts) || !URL.canParse(single)) return null
  return { hosts, url: new URL(single) }
}

const AUTHORITY = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)([/?#].*)?$/
const HOST = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i

const readHost = (text: string): PostgresHost | null => {
  const [, address, name, digits] = HOST.exec(text) ?? []
  const host = address ?? name
  const port = digits === undefined ? null : Number(digits)
  if (host === undefined || (port !== null && (port < 1 || port > 65_535))) return null
  return { host, port }
}

const isWhole = (hosts: readonly (PostgresHost | null)[]): hosts is readonly PostgresHost[] =>
  !hosts.includes(null)
