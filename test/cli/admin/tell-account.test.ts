import { describe, expect, it } from 'vitest'
import { TOLD_EVENT, TOLD_SIGN_IN } from '../../../src/cli/admin/admin-answers.ts'
import { tellAccount } from '../../../src/cli/admin/tell-account.ts'
import { toldEvent } from './told-event.ts'

const event = (id: string, more: object) =>
  TOLD_EVENT.parse(toldEvent({ id, at: `2026-11-30T0${id}:00:00.5Z`, ...more }))

describe('signetd why, of a person', () => {
  it('tells of the account first, and then of each sign-in with its own events, the oldest first', () => {
    const account = {
      sub: 'ada',
      email: 'ada@example.com',
      created_at: '2026-11-01T00:00:00.000Z',
      disabled_at: null,
    }
    const sign_in = TOLD_SIGN_IN.parse({
      sid: 'sid-1',
      sub: 'ada',
      email: 'ada@example.com',
      client_id: 'web',
      created_at: '2026-11-30T01:00:00.000Z',
      last_used_at: '2026-11-30T03:00:00.000Z',
      generation: 41,
      ip: '192.0.2.2',
      user_agent: null,
      expires_at: '2026-12-30T01:00:00.000Z',
      idle_expires_at: '2026-12-07T01:00:00.000Z',
      state: 'ended',
      ended_at: '2026-11-30T05:00:00.000Z',
      reason: 'ended_by_operator',
      because: 'An operator ended the sign-in.',
      amr: ['pwd', 'otp', 'mfa'],
    })
    const events = [
      event('6', { kind: 'account.of_a_newer_server', actor: { type: 'system', id: null } }),
      event('5', { kind: 'sign_in.ended', sid: 'sid-1', actor: { type: 'operator', id: 'root' } }),
      event('2', {
        kind: 'sign_in.refused',
        outcome: 'refused',
        reason: 'password_wrong',
        client_id: 'web',
        ip: '192.0.2.44',
        count: 3,
      }),
      event('1', { kind: 'sign_in.opened', sid: 'sid-1', ip: '192.0.2.1' }),
    ]
    expect(tellAccount({ account, sign_ins: [sign_in], events })).toEqual([
      {
        sid: null,
        state: null,
        sentences: [
          'ada@example.com has the account ada, opened on 2026-11-01 00:00:00 UTC.',
          'On 2026-11-30 02:00:00 UTC 3 attempts to sign in at web from 192.0.2.44 were refused: The password was wrong.',
          'On 2026-11-30 06:00:00 UTC, by the server itself: account.of_a_newer_server.',
        ],
      },
      {
        sid: 'sid-1',
        state: 'ended',
        sentences: [
          'ada@example.com signed in at web on 2026-11-30 01:00:00 UTC from 192.0.2.1 with a password and a code of an authenticator application.',
          'It was refreshed 41 times, last on 2026-11-30 03:00:00 UTC from 192.0.2.2, by an unknown device.',
          'On 2026-11-30 05:00:00 UTC it was ended by the operator root at the command line.',
          'It ended on 2026-11-30 05:00:00 UTC: An operator ended the sign-in.',
        ],
      },
    ])
    expect(tellAccount({ account, sign_ins: [], events: [] })[0]?.sentences.at(-1)).toBe(
      'There is no sign-in that is still kept.',
    )
  })
})
