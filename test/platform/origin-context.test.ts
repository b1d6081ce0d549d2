import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type EventOrigin, OWN_ORIGIN } from '../../src/domain/events/event.ts'
import { currentOrigin, onBehalfOf } from '../../src/platform/origin-context.ts'

const originOf = (request_id: string): EventOrigin => ({ actor: null, ip: '192.0.2.1', request_id })

describe('the origin of work', () => {
  it('is that of its request, through promises and turns, and of the server itself outside', async () => {
    expect(currentOrigin()).toEqual(OWN_ORIGIN)
    const seen = await onBehalfOf(originOf('a'), async () => {
      const first = currentOrigin()
      await turn()
      return [first, currentOrigin()]
    })
    expect(seen).toEqual([originOf('a'), originOf('a')])
    expect(currentOrigin()).toEqual(OWN_ORIGIN)
  })

  it('stays while requests that came later and earlier end, with an answer or an error', async () => {
    const work = (request_id: string, turns: number) =>
      onBehalfOf(originOf(request_id), async () => {
        for (let left = turns; left > 0; left--) await turn()
        if (request_id === 'failing') throw new Error(String(currentOrigin().request_id))
        return currentOrigin().request_id
      })
    const later = turn().then(() => work('later', 3))
    const settled = await Promise.allSettled([work('long', 6), work('failing', 1), work('short', 2), later])
    expect(settled.map(each => (each.status === 'fulfilled' ? each.value : String(each.reason)))).toEqual([
      'long',
      'Error: failing',
      'short',
      'later',
    ])
    expect(await work('next', 1)).toBe('next')
    expect(currentOrigin()).toEqual(OWN_ORIGIN)
  })

  it('is the inner one within a call, and the outer one after it', async () => {
    const seen = await onBehalfOf(originOf('outer'), async () => {
      const inner = await onBehalfOf(originOf('inner'), async () => {
        await turn()
        return currentOrigin().request_id
      })
      return [inner, currentOrigin().request_id]
    })
    expect(seen).toEqual(['inner', 'outer'])
  })
})
