import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  INTERACTION_SECONDS,
  type Interaction,
  sealInteraction,
  unsealInteraction,
} from '../../../src/domain/authorization/interaction-seal.ts'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import {
  NONCE_BYTES,
  type SealedSecret,
  sealText,
  unseal,
  unsealText,
} from '../../../src/domain/factors/sealed-secret.ts'

const pepper = createPepper(Buffer.alloc(32, 1))
const NOW = new Date('2026-11-29T12:00:00Z')
const begun_at = NOW.getTime() / 1000
const interaction: Interaction = { request: null, begun_at, session_id: null, second_factor: null }
const sealed = sealInteraction(interaction, { browser_id: 'one', nonce: randomBytes(NONCE_BYTES) }, [pepper])
const after = (seconds: number) => ({
  peppers: [pepper] as const,
  now: new Date(NOW.getTime() + seconds * 1000),
})

describe('the sealed interaction of a page', () => {
  it('opens in the browser that it was sealed for', () => {
    expect(unsealInteraction(sealed, { browser_id: 'one' }, after(0))).toEqual({
      outcome: 'open',
      interaction,
    })
  })

  it('is foreign in another browser, changed at any byte, under another pepper, and where it is none', () => {
    const foreign = { outcome: 'foreign' }
    expect(unsealInteraction(sealed, { browser_id: 'two' }, after(0))).toEqual(foreign)
    const bytes = Buffer.from(sealed, 'base64url')
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index)
      expect(unsealInteraction(changed.toString('base64url'), { browser_id: 'one' }, after(0))).toEqual(
        foreign,
      )
    }
    const other = { ...after(0), peppers: [createPepper(Buffer.alloc(32, 2))] as const }
    expect(unsealInteraction(sealed, { browser_id: 'one' }, other)).toEqual(foreign)
    expect(unsealInteraction('', { browser_id: 'one' }, after(0))).toEqual(foreign)
    expect(unsealInteraction('a', { browser_id: 'one' }, after(0))).toEqual(foreign)
  })

  it('expires an hour after the first page, and still tells what was asked for', () => {
    const open = unsealInteraction(sealed, { browser_id: 'one' }, after(INTERACTION_SECONDS))
    expect(open.outcome).toBe('open')
    const expired = unsealInteraction(sealed, { browser_id: 'one' }, after(INTERACTION_SECONDS + 1))
    expect(expired).toEqual({ outcome: 'expired', interaction })
  })
})

describe('RFC 5869 §3.2 – the key of a sealed text', () => {
  it('is of one use and one owner: it opens nothing of another, and no secret of a factor', () => {
    const nonce = randomBytes(NONCE_BYTES)
    const text = sealText('page', { use: 'interaction', owner: 'ada', nonce }, pepper)
    expect(unsealText(text, { use: 'interaction', owner: 'ada' }, [pepper])).toBe('page')
    expect(unsealText(text, { use: 'session form', owner: 'ada' }, [pepper])).toBeNull()
    expect(unsealText(text, { use: 'interaction', owner: 'eve' }, [pepper])).toBeNull()
    const secret = new Uint8Array(Buffer.from(text, 'base64url')) as SealedSecret
    expect(unseal(secret, 'ada', [pepper])).toBeNull()
  })
})
