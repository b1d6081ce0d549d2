/**
 * RFC 9068 §2.2.1, RFC 9470 §6 – The authentication context classes, the lower first: what `acr` says, and what `acr_values` may
 * ask for. Ours: URNs, because a bare "mfa" means something else at every issuer.
 */
export const ACR = { pwd: 'urn:signet:acr:pwd', mfa: 'urn:signet:acr:mfa' } as const
export const ACR_VALUES: readonly string[] = Object.values(ACR)
export type Acr = (typeof ACR)[keyof typeof ACR]

/** RFC 8176 §2 – What a second factor adds: a one-time password, or the proof of a key in hardware or in software. */
export type FactorMethod = 'otp' | 'hwk' | 'swk'

/** RFC 8176 §2 – "mfa": more than one factor. It is what the class is derived from, so that a family's class is in its row. */
const SEVERAL = 'mfa'

/** RFC 9068 §2.2.1 – The class that these methods reach; null for methods that say nothing. */
export const acrOf = (amr: readonly string[]): Acr | null => {
  if (amr.includes(SEVERAL)) return ACR.mfa
  return amr.includes('pwd') ? ACR.pwd : null
}

/** RFC 8176 §2 – The methods of a sign-in with one factor more. */
export const amrWith = (amr: readonly string[], method: FactorMethod): readonly string[] => [
  ...new Set([...amr.filter(each => each !== SEVERAL), method, SEVERAL]),
]

/** Ours – The roles that count at a class: those that want a second factor are left out below it. */
export const rolesAt = (
  acr: string | null | undefined,
  roles: readonly string[],
  second_factor_roles: readonly string[],
): readonly string[] => (acr === ACR.mfa ? roles : roles.filter(role => !second_factor_roles.includes(role)))

/** RFC 9470 §4 – `acr_values`, in order of preference. Null when none of them exists here. */
export const parseAcrValues = (text: string): readonly string[] | null => {
  const values = text.split(' ').filter(value => ACR_VALUES.includes(value))
  return values.length > 0 ? values : null
}
