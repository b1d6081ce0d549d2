import { resolve } from 'node:path'
import { z } from 'zod'
import { type AddressRange, parseAddressRanges } from '../domain/base/ip-address.ts'
import { createPepper, type Pepper, type Peppers } from '../domain/base/pepper.ts'
import { readPostgresUrl } from '../domain/base/postgres-url.ts'
import { readRedisUrl } from '../domain/base/redis-url.ts'
import type { RateLimit } from '../ports/limits.ts'

/** Schemas of environment variables: the texts that are taken, and the values that they become. One with a default prints it, too. */

export const integer = ({
  standard,
  least,
  most,
}: Readonly<Record<'standard' | 'least' | 'most', number>>) => {
  const { schema, range } = derivedInteger({ least, most })
  return { schema: schema.transform(value => value ?? standard), standard: `\`${standard}\``, range }
}

/** Undefined when unset: the number then follows from other settings. */
export const derivedInteger = ({ least, most }: Readonly<Record<'least' | 'most', number>>) => ({
  schema: z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined) return undefined
      const value = Number(text)
      if (!/^\d{1,10}$/.test(text)) return refuse(context, `must be a whole number, not ${quote(text)}`)
      if (value < least || value > most)
        return refuse(context, `must be from ${least} to ${most}, not ${value}`)
      return value
    }),
  range: `${least}–${most}`,
})

/** The absolute path of a file, null when unset. The file is not opened. */
export const optionalPath = z
  .string()
  .optional()
  .transform(path => (path === undefined ? null : resolve(path)))

export const text = (standard: string) => parsed(standard, value => value)

export const parsed = <T>(standard: string, parse: (value: string, context: z.RefinementCtx) => T) => ({
  schema: z.string().default(standard).transform(parse),
  standard: `\`${standard}\``,
})

export const oneOf = <const T extends string>(standard: T, values: readonly T[]) =>
  parsed(
    standard,
    (value, context): T =>
      values.find(each => each === value) ??
      refuse(context, `must be ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`),
  )

export const rateLimit = (standard: string) =>
  parsed(standard, (value, context) => parseRateLimit(value, standard, context))

type Share = Readonly<{
  /** The setting that it follows when it is unset. */
  of: 'RATE_LIMIT_ACCOUNTS' | 'RATE_LIMIT_LOGIN'
  /** How many times as much as that one. */
  times: keyof typeof IN_WORDS
  /** Shown where the given value is refused. */
  example: string
}>

export const IN_WORDS = { 0.5: 'half of ', 1: '', 3: 'three times ', 6: 'six times ' }

/** Undefined when unset: the limit then follows from another setting. */
export const derivedRateLimit = ({ of, times, example }: Share) => ({
  schema: z
    .string()
    .optional()
    .transform((value, context) =>
      value === undefined ? undefined : parseRateLimit(value, example, context),
    ),
  follows: { of, times },
  standard: `${IN_WORDS[times]}\`${of}\``,
})

const parseRateLimit = (value: string, example: string, context: z.RefinementCtx): RateLimit => {
  if (value === 'off') return null
  const [, count, window_seconds] = /^([1-9]\d{0,6})\/([1-9]\d{0,6})$/.exec(value) ?? []
  if (count === undefined)
    return refuse(context, `must be count/seconds such as ${example}, or off, not ${quote(value)}`)
  return { count: Number(count), window_seconds: Number(window_seconds) }
}

export const url = (...protocols: readonly string[]) =>
  z
    .string()
    .optional()
    .transform((value, context) => {
      if (value === undefined) return null
      if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value
      return refuse(
        context,
        `must be a URL that begins with ${protocols.map(protocol => `${protocol}//`).join(' or ')}`,
      )
    })

export const postgresUrl = z
  .string()
  .optional()
  .transform((value, context) => {
    if (value === undefined) return null
    const read = readPostgresUrl(value)
    if ('fault' in read) return refuse(context, read.fault)
    return value
  })

export const redisUrl = z
  .string()
  .optional()
  .transform((value, context) => {
    if (value === undefined) return null
    const read = readRedisUrl(value)
    return 'fault' in read ? refuse(context, read.fault) : value
  })

/** Refuses braces, which choose the slot in a cluster, and the wildcards of Redis' patterns. */
export const redisPrefix = z
  .string()
  .optional()
  .transform((value, context) =>
    value === undefined || /^[\w.:/@-]{1,100}$/.test(value)
      ? value
      : refuse(context, `must be 1 to 100 letters, digits or one of . : / @ _ -, not ${quote(value)}`),
  )

export const list = z
  .string()
  .optional()
  .transform(value =>
    (value ?? '')
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== ''),
  )

export const addressRanges = list.transform((ranges, context): readonly AddressRange[] => {
  const parsed = parseAddressRanges(ranges)
  return 'wrong' in parsed
    ? refuse(
        context,
        `must be a list of CIDR ranges such as 10.0.0.0/8, separated by commas; ${quote(parsed.wrong)} is not a range`,
      )
    : parsed.ranges
})

/** Reads base64url peppers of 32 bytes or more, the newest first. Refuses two peppers with one id, which cannot be told apart. */
export function parsePeppers(value: string | undefined, context: z.RefinementCtx): Peppers | null {
  if (value === undefined) return null
  const peppers: Pepper[] = []
  for (const encoded of value.split(',').map(item => item.trim())) {
    const secret = Buffer.from(encoded, 'base64url')
    if (secret.length < 32 || secret.toString('base64url') !== encoded.replace(/=+$/, '')) {
      return refuse(context, 'must be base64url of 32 bytes or more; several are separated by commas')
    }
    peppers.push(createPepper(secret))
  }
  if (new Set(peppers.map(pepper => pepper.id)).size < peppers.length) {
    return refuse(
      context,
      'holds two keys with one id (the first byte of their SHA-256): make the new one again',
    )
  }
  const [first, ...others] = peppers
  return first === undefined ? null : [first, ...others]
}

export const refuse = (context: z.RefinementCtx, message: string): never => {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

export const quote = (value: string) => JSON.stringify(value.slice(0, 60))

/** Fetch Standard, "Origin header" – Whether a browser would send this text. Ours: a wildcard is refused, since it would match no origin. */
export const isOrigin = (text: string): boolean =>
  /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
