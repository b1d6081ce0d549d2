import { describe, expect, it } from 'vitest'
import { type ContendedRow, createRowQueues } from '../../../src/store/postgres/checkout.ts'

/** Work that is answered when the test says so. `begun` has what was sent, in order. */
const createGround = (width: number, longest_milliseconds = 60_000) => {
  const sendInTurn = createRowQueues({ width, longest_milliseconds })
  const begun: string[] = []
  const answers = new Map<string, () => void>()
  const send = (name: string, row: ContendedRow) => {
    const checkout = sendInTurn(row, () => {
      begun.push(name)
      const answer = new Promise<string>(resolve => answers.set(name, () => resolve(name)))
      return { answer, abandon: () => {} }
    })
    checkout.answer.catch(() => {})
    return checkout
  }
  /** Answers work and waits until what was behind it has been sent. */
  const answer = async (name: string) => {
    answers.get(name)?.()
    await new Promise(setImmediate)
  }
  return { begun, send, answer }
}

describe('work on rows', () => {
  it('is sent one after the other on one row, in order, and at once on another', async () => {
    const { begun, send, answer } = createGround(9)
    const first = send('a1', 'family:a')
    send('a2', 'family:a')
    send('a3', 'family:a')
    send('b1', 'family:b')
    expect(begun).toEqual(['a1', 'b1'])
    await answer('a1')
    expect(await first.answer).toBe('a1')
    expect(begun).toEqual(['a1', 'b1', 'a2'])
    await answer('a2')
    expect(begun).toEqual(['a1', 'b1', 'a2', 'a3'])
  })

  it('tells a family from an account of the same id', () => {
    const { begun, send } = createGround(9)
    send('family', 'family:a')
    send('account', 'account:a')
    expect(begun).toEqual(['family', 'account'])
  })

  it('is sent for as many rows at once as the width allows', async () => {
    const { begun, send, answer } = createGround(2)
    send('a', 'family:a')
    send('b', 'family:b')
    send('c', 'family:c')
    send('d', 'family:d')
    expect(begun).toEqual(['a', 'b'])
    await answer('b')
    expect(begun).toEqual(['a', 'b', 'c'])
  })

  it('is never sent after its caller gave up, and lets pass what is behind it', async () => {
    const { begun, send, answer } = createGround(1)
    send('a1', 'family:a')
    const behind = send('a2', 'family:a')
    send('a3', 'family:a')
    const ready = send('b1', 'family:b')
    send('b2', 'family:b')
    expect([behind.isBlocked?.(), ready.isBlocked?.()]).toEqual([true, true])
    behind.abandon()
    ready.abandon()
    await expect(behind.answer).rejects.toThrow('abandoned')
    await expect(ready.answer).rejects.toThrow('abandoned')
    await answer('a1')
    await answer('b2')
    await answer('a3')
    expect(begun.toSorted()).toEqual(['a1', 'a3', 'b2'])
  })

  it('keeps its row after its caller gave up, until its end is known', async () => {
    const { begun, send, answer } = createGround(2)
    send('a1', 'family:a').abandon()
    send('a2', 'family:a')
    send('b1', 'family:b')
    expect(begun).toEqual(['a1', 'b1'])
    await answer('a1')
    expect(begun).toEqual(['a1', 'b1', 'a2'])
  })

  it('frees its row and its place once, when its caller gives up after the longest time of a statement', async () => {
    const { begun, send, answer } = createGround(1, 0)
    const stuck = send('a1', 'family:a')
    send('a2', 'family:a')
    send('b1', 'family:b')
    stuck.abandon()
    expect(begun).toHaveLength(2)
    await answer('a1')
    expect(begun).toHaveLength(2)
    expect(stuck.isBlocked?.()).toBe(false)
  })
})
