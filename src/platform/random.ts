import { randomBytes, randomFillSync, randomUUID } from 'node:crypto'
import { V7Generator } from 'uuidv7'
import type { Random } from '../ports/effects.ts'

const RESERVE_BYTES = 4096

/**
 * Random bytes, drawn many at once: a call of the generator, with memory of its own, costs as much as a digest. The bytes that are handed
 * out are copied and then overwritten in the reserve.
 */
const createReserve = () => {
  const reserve = Buffer.alloc(RESERVE_BYTES)
  let at = RESERVE_BYTES
  /** The place of the next bytes. */
  const draw = (length: number): number => {
    if (at + length > RESERVE_BYTES) {
      randomFillSync(reserve)
      at = 0
    }
    at += length
    return at - length
  }
  return {
    nextUint32: (): number => reserve.readUInt32LE(draw(4)),
    bytes: (length: number): Buffer => {
      if (length > RESERVE_BYTES) return randomBytes(length)
      const start = draw(length)
      const drawn = Buffer.from(reserve.subarray(start, start + length))
      reserve.fill(0, start, start + length)
      return drawn
    },
  }
}

/** The library's own buffer holds eight words, and refilling it cost more than the rest of an id. */
const ids = new V7Generator(createReserve())
const secrets = createReserve()

export const systemRandom: Random = {
  bytes: secrets.bytes,
  uuid: () => ids.generate().toString(),
  tokenId: () => randomUUID(),
}
