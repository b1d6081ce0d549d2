/**
 * RFC 9068 §2.2.1, RFC 9470 §6 – The authentication context classes, the lower one first: the values of `acr` and of `acr_values`. Ours:
 * URNs, because a bare "mfa" has another meaning at each issuer.
 */
export const ACR = { pwd: 'urn:signet:acr:pwd', mfa: 'urn:signet:acr:mfa' } as const
export const ACR_VALUES: readonly string[] = Object.values(ACR)
export type Acr = (typeof ACR)[keyof typeof ACR]

/** RFC 8176 §2 – The method of a second factor: a one-time password, or the proof of a key in hardware or in software. */
export type FactorMethod = 'otp' | 'hwk' | 'swk'

/** RFC 8176 §2 – "mfa": more than one factor. The class is derived from this method, so that a family's row has it. */
const SEVERAL = 'mfa'

/**
 * RFC 9068 §2.2.1 – The class that these methods reach. Ours: every sign-in has one factor at least, be it that another issuer vouches for
 * the person, for which RFC 8176 has no method. What that issuer has asked for is no factor of this server.
 */
export const acrOf = (amr: readonly string[]): Acr => (amr.includes(SEVERAL) ? ACR.mfa : ACR.pwd)

/** RFC 8176 §2 – The methods of a sign-in after one more factor. */
export const amrWith = (amr: readonly string[], method: FactorMethod): readonly string[] => [
  ...new Set([...amr.filter(each => each !== SEVERAL), method, SEVERAL]),
]

/** Ours – The roles that a sign-in of this class may use: roles that require a second factor are left out below "mfa". */
export const rolesAt = (
  acr: string | null | undefined,
  roles: readonly string[],
  second_factor_roles: readonly string[],
): readonly string[] => (acr === ACR.mfa ? roles : roles.filter(role => !second_factor_roles.includes(role)))

/** RFC 9470 §4 – The supported values of `acr_values`, in order of preference. Null when none is supported. */
export const parseAcrValues = (text: string): readonly string[] | null => {
  const values = text.split(' ').filter(value => ACR_VALUES.includes(value))
  return values.length > 0 ? values : null
}

/** Ours – The `auth_time` of a sign-in at a provider that does not say when it was, in seconds since 1970. It is before every sign-in, so that it is never a recent one, and no token tells it. */
export const UNKNOWN_AUTH_TIME = 0

export const isAuthTimeKnown = (auth_time: Date): boolean => auth_time.getTime() / 1000 > UNKNOWN_AUTH_TIME
