/** Whether an option is well-formed. The value of an absent option is undefined. */
export type OptionRule = (value: unknown) => boolean

/**
 * Ours – Throws a TypeError for an option that does not exist or is malformed, when the application starts: one that is ignored would send no
 * token, or would leave a person signed out, without an error.
 */
export const requireOptions = (
  of: string,
  options: Readonly<Record<string, unknown>>,
  rules: Readonly<Record<string, OptionRule>>,
): void => {
  for (const name in { ...options, ...rules })
    if (!rules[name]?.(options[name]))
      throw new TypeError(`${of}: ${name} cannot be ${JSON.stringify(options[name])}`)
}

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

export const absentOr =
  (rule: OptionRule): OptionRule =>
  value =>
    value === undefined || rule(value)

/** The whole address of a page: neither a path alone nor a host without a scheme. */
export const isAddress = (value: unknown): value is string =>
  isText(value) && /^https?:/.test(value) && URL.canParse(value)

export const isIssuerOrigin: OptionRule = value => isAddress(value) && new URL(value).origin === value

/** Where a token is sent. A path would be ignored, and `*` stands for no host. */
export const isOriginOfApi: OptionRule = value => isAddress(value) && /^\w+:\/\/[^/?#@*]+\/?$/.test(value)
