/** The kinds of names. A name leads to an account; of one kind, no two accounts have the same name. */
export const NAME_KINDS = ['email', 'external_id', 'passkey', 'identity', 'link'] as const
export type NameKind = (typeof NAME_KINDS)[number]

/** `value` is a normalized e-mail, an external id, the id of a passkey, or a text of `identityText` or `linkText`. */
export type AccountName = Readonly<{ kind: NameKind; value: string }>

/** The name of an identity at another provider. An issuer is a URL, which has no space. */
export const identityText = ({ issuer, subject }: Readonly<{ issuer: string; subject: string }>): string =>
  `${issuer} ${subject}`

/** The digest of a mailed link, in hexadecimal, as `encode(digest, 'hex')` writes it in SQL. */
export const linkText = (digest: Uint8Array): string => Buffer.from(digest).toString('hex')
