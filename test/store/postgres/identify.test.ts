import postgres, { type Sql } from 'postgres'
import { describe, expect, it } from 'vitest'
import { createIdentify } from '../../../src/store/postgres/hosts.ts'

const ASKS_SYSTEM = /pg_control_system/
const ASKS_TIMELINE = /pg_walfile_name/

/** A connection on which Postgres answers as the test says. */
const connectionOf = (answer: (text: string) => Promise<readonly object[]>): Sql =>
  ((strings: TemplateStringsArray) => answer(strings.join(''))) as unknown as Sql

/** What a statement asks for, and nothing else. */
const toldBy = (text: string) => ({
  is_standby: false,
  ...(ASKS_TIMELINE.test(text) ? { timeline: '00000003' } : {}),
  ...(ASKS_SYSTEM.test(text) ? { system: '7' } : {}),
})

const errorOf = (code: string) => Object.assign(new postgres.PostgresError('refused'), { code })

/** Answers, and refuses the question for the system with this code. `texts` has what was asked. */
const failingWith = (code: string) => {
  const texts: string[] = []
  const sql = connectionOf(async text => {
    texts.push(text)
    if (ASKS_SYSTEM.test(text)) throw errorOf(code)
    return [toldBy(text)]
  })
  return { sql, texts }
}

describe('the question what a host is', () => {
  it.each(['42501', '42883', '0A000'])(
    'is asked for less from then on where it is refused: %s',
    async code => {
      const identify = createIdentify({})
      const { sql, texts } = failingWith(code)
      expect(await identify(sql)).toEqual({ is_standby: false, timeline: 3, system: null })
      expect(await identify(sql)).toEqual({ is_standby: false, timeline: 3, system: null })
      expect(texts.filter(text => ASKS_SYSTEM.test(text))).toHaveLength(1)
    },
  )

  it('is asked whole again after an error of one connection, also where another one was answered meanwhile', async () => {
    const identify = createIdentify({})
    const whole = { is_standby: false, timeline: 3, system: '7' }
    let answer = () => {}
    const answered = new Promise<void>(resolve => {
      answer = resolve
    })
    const slow = identify(
      connectionOf(async text => {
        await answered
        return [toldBy(text)]
      }),
    )
    const failed = await identify(failingWith('XX000').sql)
    expect(failed).toEqual({ is_standby: false, timeline: 3, system: null })
    answer()
    expect(await slow).toEqual(whole)
    expect(await identify(connectionOf(async text => [toldBy(text)]))).toEqual(whole)
  })

  it('tells an outage to the caller', async () => {
    const identify = createIdentify({})
    await expect(identify(failingWith('57P01').sql)).rejects.toMatchObject({ code: '57P01' })
  })
})
