import { expect, it } from 'vitest'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { createAnswerCache } from '../../../src/flows/revocations/answer-cache.ts'

it('the answer cache makes an answer that many callers wait for before the answers that a crowd has queued', async () => {
  const answers = createAnswerCache<string>({
    clock: () => new Date(),
    sizeOf: text => text.length,
    reuse_milliseconds: 1000,
  })
  const ends: (() => void)[] = []
  const began: string[] = []
  const make = (key: string, isFirst = false) => {
    const run = async () => {
      began.push(key)
      await new Promise<void>(resolve => ends.push(resolve))
      return key
    }
    return answers.make(key, 0, run, isFirst)
  }
  const crowd = Array.from({ length: 204 }, (_, index) => make(`${index}`))
  await expect(make('more')).rejects.toBeInstanceOf(Unavailable)
  const awaited = make('awaited', true)
  ends[0]?.()
  await crowd[0]
  await expect.poll(() => began.at(-1)).toBe('awaited')
  ends.at(-1)?.()
  expect(await awaited).toBe('awaited')
  // The crowd’s answers follow.
  await expect.poll(() => began.at(-1)).toBe('4')
})
