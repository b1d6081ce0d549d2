const EVENT = {
  id: '01900000-0000-7000-8000-000000000001',
  at: '2026-11-30T02:00:00.000Z',
  kind: 'sign_in.opened',
  outcome: 'succeeded',
  reason: null,
  actor: null,
  sub: 'ada',
  client_id: null,
  sid: null,
  jti: null,
  ip: null,
  request_id: null,
  count: 1,
  details: {},
}

/** An event of an account as the administration API shows it; `more` takes the place of members. */
export const toldEvent = (more: object) => ({ ...EVENT, ...more })
