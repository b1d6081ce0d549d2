/** OpenID Connect Core §5.1 – The standard claims that people fill in themselves. Null: not filled in. */
export type Profile = Readonly<{
  name: string | null
  given_name: string | null
  family_name: string | null
  preferred_username: string | null
  /** An https URL. */
  picture: string | null
  /** BCP 47, such as `de-CH`. */
  locale: string | null
  /** A name of the time zone database, such as `Europe/Berlin`. */
  zoneinfo: string | null
}>

/** A person as an application may be told of them, within the scopes that were granted. `id` is `sub` on the wire. */
export type Person = Profile &
  Readonly<{
    id: string
    email: string
    email_verified_at: Date | null
    /** When a claim of the profile was changed last. */
    updated_at: Date
  }>
