import { createHmac, createSecretKey, hash, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Pepper, Peppers } from '../base/pepper.ts'
import { isUuid } from '../base/uuid.ts'
import type { Revocation } from './revocation.ts'

/**
 * Ours – A position in the feed. The tag is drawn at random with the number: a database that was restored, or promoted before it had
 * every commit, gives the number again with another tag. Whether the database has a position is judged in SQL, by
 * store/revocations/revocation-feed.ts.
 */
export type FeedPosition = Readonly<{ number: number; tag: string }>

/** Seconds for which a position stays valid after the next one was given. */
export const POSITION_SECONDS = 3_600

/** The state of a follower: it has everything up to `position`, or, of a large set, the first `part` of `parts` equal shares. */
export type Cursor = Readonly<{
  position: FeedPosition
  /** `digestOfUnnumbered` of the entries without a number that the follower already has. */
  unnumbered: string
  part: number
  parts: number
}>

/** `digestOfUnnumbered` of no entries. */
export const NOTHING_UNNUMBERED = '0'.repeat(16)
/** More shares than any server needs: each has about 50,000 entries. */
const PARTS_MAX = 4096

const VERSION = 2
const BODY_BYTES = 38
const MAC_BYTES = 16
const CURSOR_BYTES = BODY_BYTES + MAC_BYTES
const CURSOR_CHARACTERS = CURSOR_BYTES * (4 / 3)

/** Identifies a set of entries, in any order: 8 bytes as hex. */
export const digestOfUnnumbered = (revocations: readonly Revocation[]): string => {
  if (revocations.length === 0) return NOTHING_UNNUMBERED
  const lines = revocations.map(entry => JSON.stringify([entry.kind, entry.value, entry.issued_until]))
  return hash('sha256', lines.toSorted().join('\n')).slice(0, NOTHING_UNNUMBERED.length)
}

/**
 * Ours – Writes and reads cursors: version (1 byte), pepper id (1), number (8), tag (16), digest of the entries without a number (8),
 * part (2), parts (2), and a MAC over them (16), in base64url. Every instance accepts them. All have one length, and a forged cursor costs
 * one MAC.
 */
export const createCursors = (peppers: Peppers) => {
  const keys = peppers.map(keyOf)
  const [newest = keyOf(peppers[0])] = keys

  const format = ({ position, unnumbered, part, parts }: Cursor): string => {
    const cursor = Buffer.alloc(CURSOR_BYTES)
    cursor.writeUInt8(VERSION, 0)
    cursor.writeUInt8(newest.id, 1)
    cursor.writeBigUInt64BE(BigInt(position.number), 2)
    cursor.write(position.tag.replaceAll('-', ''), 10, 'hex')
    cursor.write(unnumbered, 26, 'hex')
    cursor.writeUInt16BE(part, 34)
    cursor.writeUInt16BE(parts, 36)
    cursor.set(macOf(cursor.subarray(0, BODY_BYTES), newest.key), BODY_BYTES)
    return cursor.toString('base64url')
  }

  return {
    format,
    /** Null for a text that `format` did not write under one of the peppers. */
    parse: (text: string): Cursor | null => {
      if (text.length !== CURSOR_CHARACTERS) return null
      const cursor = Buffer.from(text, 'base64url')
      if (cursor.length !== CURSOR_BYTES || cursor.toString('base64url') !== text) return null
      const key = keys.find(({ id }) => id === cursor[1])?.key
      const body = cursor.subarray(0, BODY_BYTES)
      if (key === undefined || !timingSafeEqual(macOf(body, key), cursor.subarray(BODY_BYTES))) return null
      return cursor[0] === VERSION ? cursorOf(body) : null
    },
  }
}

export type Cursors = ReturnType<typeof createCursors>

const cursorOf = (body: Buffer): Cursor | null => {
  const number = Number(body.readBigUInt64BE(2))
  const tag = body.toString('hex', 10, 26).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  const [part, parts] = [body.readUInt16BE(34), body.readUInt16BE(36)]
  const isSound = Number.isSafeInteger(number) && isUuid(tag) && part <= parts && parts <= PARTS_MAX
  return isSound ? { position: { number, tag }, unnumbered: body.toString('hex', 26, 34), part, parts } : null
}

/** RFC 5869 – The key of cursors, derived from the pepper. */
const keyOf = ({ id, key }: Pepper): Readonly<{ id: number; key: KeyObject }> => ({
  id,
  key: createSecretKey(new Uint8Array(hkdfSync('sha256', key, '', 'signet revocation cursor', 32))),
})

const macOf = (body: Uint8Array, key: KeyObject): Buffer =>
  createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES)
