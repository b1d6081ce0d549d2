/** Every limit by its name, which is on the wire (RateLimit-Policy), in the metrics and in the log. */
export const LIMIT_NAMES = [
  'accounts',
  'login',
  'register',
  'password',
  'second-factor',
  'sign-ins',
  'sign-outs',
  'export',
  'mail',
  'mail-recipient',
  'refresh',
  'revoke',
  'pushed-requests',
  'device-requests',
  'user-codes',
  'token-failures',
  'client-documents',
  'client-registrations',
  'registration-changes',
  'feed-signatures',
  'status-lists',
] as const

export type LimitName = (typeof LIMIT_NAMES)[number]
