import type { Client } from '../oauth/client.ts'

/** Ours – What an operator refuses of the clients that have registered themselves, now and later. `value`: as the database has it. */
export type RegistrationRefusal = Readonly<{ kind: 'redirect_host' | 'registered_at'; value: string }>

/** The client_id under which a change of the refusals is noted. No client has it. */
export const REFUSALS_CHANGED = ''

/** Clients with a redirect URI at this host, without its port. */
export const redirectHostRefusal = (host: string): RegistrationRefusal => ({
  kind: 'redirect_host',
  value: sameHost(host),
})

/** RFC 1034 §3.1 – A dot at the end names the same host: the client must not get past a refusal by it. */
const sameHost = (host: string): string => host.toLowerCase().replace(/\.$/, '')

/** Clients that were registered in a span of time; both ends belong to it. */
export const registeredAtRefusal = ({
  from,
  until,
}: Readonly<{ from: Date; until: Date }>): RegistrationRefusal => ({
  kind: 'registered_at',
  value: `${Math.floor(from.getTime() / 1000)}/${Math.ceil(until.getTime() / 1000)}`,
})

/** The host of a redirect URI that is refused. Null: none is. */
export const refusedHostOf = (
  redirect_uris: readonly string[],
  refusals: readonly RegistrationRefusal[],
): string | null => {
  const hosts = redirect_uris.map(uri => sameHost(new URL(uri).hostname))
  const refused = new Set(refusals.filter(({ kind }) => kind === 'redirect_host').map(({ value }) => value))
  return hosts.find(host => refused.has(host)) ?? null
}

/** Ours – Whether a client that has registered itself is refused. `issued_at`: seconds since 1970, as its id says. */
export const isRefused = (
  { redirect_uris }: Pick<Client, 'redirect_uris'>,
  issued_at: number,
  refusals: readonly RegistrationRefusal[],
): boolean =>
  refusals.length > 0 &&
  (refusedHostOf(redirect_uris, refusals) !== null ||
    refusals.some(({ kind, value }) => kind === 'registered_at' && isWithin(issued_at, value)))

const isWithin = (seconds: number, span: string): boolean => {
  const [from = Number.NaN, until = Number.NaN] = span.split('/').map(Number)
  return seconds >= from && seconds <= until
}
