import type { Call } from '../server/route.ts'

/** RFC 9110 §8.8.3 – The version of a row as a strong tag. */
export const etagOf = (version: string): string => `"${version}"`

/** The tags of one header that are read, at most. */
const TAGS_MOST = 10

/**
 * RFC 9110 §13.1.1 – The versions that the caller has looked at; null where each is right. Compared strongly: a weak tag names no version,
 * and neither does a text that is no tag.
 */
export const versionsIn = ({ header }: Call): readonly string[] | null => {
  const given = header('if-match')
  if (given === undefined || given.trim() === '*') return null
  return given.split(',', TAGS_MOST).flatMap(tag => /^\s*"([\x21\x23-\x7e]{1,64})"\s*$/.exec(tag)?.[1] ?? [])
}
