import { describe, expect, it } from 'vitest'
import { TOLD_EVENT, TOLD_SIGN_IN } from '../../../src/cli/admin/admin-answers.ts'
import { actorOf, conclusionOf, tellSignIn } from '../../../src/cli/admin/tell-sign-in.ts'
import { toldEvent } from './told-event.ts'

const SIGN_IN = {
  sid: 'sid-1',
  sub: 'ada',
  email: 'ada@example.com',
  client_id: 'web',
  created_at: '2026-11-30T01:00:00.000Z',
  last_used_at: '2026-11-30T03:00:00.000Z',
  generation: 0,
  ip: '192.0.2.2',
  user_agent: 'curl/8',
  expires_at: '2026-12-30T01:00:00.000Z',
  idle_expires_at: '2026-12-07T01:00:00.000Z',
  state: 'living',
  ended_at: null,
  reason: null,
  because: null,
  amr: ['pwd'],
  scope: 'openid',
}
const signIn = (more: object = {}) => TOLD_SIGN_IN.parse({ ...SIGN_IN, ...more })
const event = (kind: string, more: object = {}) =>
  TOLD_EVENT.parse(toldEvent({ id: kind, kind, client_id: 'web', sid: 'sid-1', ...more }))
const story = (events: readonly ReturnType<typeof event>[], more: object = {}) =>
  tellSignIn({ sign_in: signIn(more), events }).join('\n')

describe('the sentences about a sign-in', () => {
  it.each([
    [{ generation: 0 }, 'It was never refreshed.'],
    [{ generation: 1 }, 'It was refreshed once'],
    [{ generation: 41 }, 'It was refreshed 41 times, last'],
    [{ amr: [] }, 'an identity elsewhere'],
    [{ amr: ['pwd', 'otp', 'mfa'] }, 'with'],
  ])('say how it began and went on: %j', (more, sentence) => {
    expect(story([], more)).toContain(sentence)
  })

  it.each([
    ['sign_in.stepped_up', { ip: '192.0.2.9' }, 'another factor'],
    ['refresh_token.forged', { ip: '192.0.2.44' }, '192.0.2.44'],
    [
      'refresh_token.answered_elsewhere',
      { ip: '192.0.2.7', details: { presented_generation: 2, generation: 3, last_ip: '192.0.2.8' } },
      '192.0.2.7',
    ],
    ['refresh_token.reused', { details: {} }, 'an unknown place'],
    ['sign_in.ended', { actor: { type: 'client', id: 'operator' } }, 'the client operator'],
    [
      'access_token.revoked',
      { actor: { type: 'operator', id: 'root' } },
      'A single access token was revoked.',
    ],
    ['of.a.later.version', { actor: { type: 'system', id: null } }, 'of.a.later.version.'],
  ])('tell what %s was', (kind, more, words) => {
    expect(story([event('sign_in.opened'), event(kind, more)])).toContain(words)
  })

  it.each([
    [{ type: 'person', id: 'ada' }, 'its person'],
    [{ type: 'person', id: 'grace' }, 'the person grace'],
    [{ type: 'client', id: 'web' }, 'the client web'],
    [{ type: 'operator', id: 'root' }, 'root'],
    [{ type: 'system', id: null }, 'server'],
  ])('name the actor %j', (actor, words) => {
    expect(actorOf(event('sign_in.ended', { actor }), 'ada')).toContain(words)
  })

  it.each([
    [{ state: 'living' }, 'It lives until'],
    [{ state: 'expired' }, 'It ended by itself'],
    [{ state: 'idle', ended_at: '2026-11-30T04:00:00.000Z' }, 'It ended by itself on'],
    [
      { state: 'ended', ended_at: '2026-11-30T04:00:00.000Z', because: 'The person signed out.' },
      'signed out.',
    ],
    [{ state: 'epoch_passed' }, 'It ended'],
    [{ state: 'account_disabled' }, 'It ended'],
  ])('conclude with %j', (more, words) => {
    expect(conclusionOf(signIn(more))).toContain(words)
  })
})
