import { randomBytes, randomFillSync, randomUUID } from 'node:crypto'
import { V7Generator } from 'uuidv7'
import type { Random } from '../ports/effects.ts'

/** A buffer of random words. The library's own buffer holds eight, and refilling it cost more than the rest of an id. */
const createWords = (): { nextUint32(): number } => {
  const words = Buffer.alloc(4096)
  let at = words.length
  return {
    nextUint32: () => {
      if (at === words.length) {
        randomFillSync(words)
        at = 0
      }
      at += 4
      return words.readUInt32LE(at - 4)
    },
  }
}

const ids = new V7Generator(createWords())

export const systemRandom: Random = {
  bytes: length => randomBytes(length),
  uuid: () => ids.generate().toString(),
  tokenId: () => randomUUID(),
}
