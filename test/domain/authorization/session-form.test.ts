import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sealForm, unsealForm } from '../../../src/domain/authorization/session-form.ts'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import { NONCE_BYTES } from '../../../src/domain/factors/sealed-secret.ts'

const peppers = [createPepper(Buffer.alloc(32, 1))] as const
const others = [createPepper(Buffer.alloc(32, 2))] as const
const bound = { session_id: 'one', purpose: 'account' } as const
const sealed = sealForm({ a: 1 }, { ...bound, nonce: randomBytes(NONCE_BYTES) }, peppers)

describe('the sealed form of a person who is signed in', () => {
  it('opens with the session and for the purpose that it was sealed for', () => {
    expect(unsealForm(sealed, bound, peppers)).toEqual({ content: { a: 1 } })
  })

  it('opens nothing with another session, for another purpose, under another pepper, and where it is none', () => {
    expect(unsealForm(sealed, { ...bound, session_id: 'two' }, peppers)).toBeNull()
    expect(unsealForm(sealed, { ...bound, purpose: 'logout' }, peppers)).toBeNull()
    expect(unsealForm(sealed, bound, others)).toBeNull()
    expect(unsealForm('', bound, peppers)).toBeNull()
    expect(unsealForm('nothing', bound, peppers)).toBeNull()
  })

  it('opens nothing once a byte of it is changed', () => {
    const bytes = Buffer.from(sealed, 'base64url')
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index)
      expect(unsealForm(changed.toString('base64url'), bound, peppers)).toBeNull()
    }
  })
})
