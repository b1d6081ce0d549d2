import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../support/services/services.ts'
import { runSignetd, serveOnSocket } from './support.ts'
import { toldEvent } from './told-event.ts'

type Stream = (request: Request) => Response

const EVENT = toldEvent({
  at: '2026-11-30T07:12:05.123Z',
  actor: { type: 'person', id: 'ada' },
  client_id: 'web',
  sid: 'sid-1',
  ip: '192.0.2.1',
  request_id: 'request-1',
})
const eventAt = (number: number, more: object = {}) =>
  `id: ${number}\ndata: ${JSON.stringify({ ...EVENT, number, ...more })}\n\n`

const stream = (...parts: readonly string[]) =>
  new Response(
    new ReadableStream({
      start: controller => {
        for (const part of parts) controller.enqueue(new TextEncoder().encode(part))
        controller.close()
      },
    }),
    { headers: { 'content-type': 'text/event-stream' } },
  )
const gone = () => Response.json({ title: 'The cursor is gone', errors: [] }, { status: 410 })

describe('signetd events --follow', () => {
  const open: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of open.splice(0)) await close()
  })

  /** Answers each connection by the next of the streams, and refuses the connections after them. */
  const follow = async (streams: readonly Stream[], ...words: readonly string[]) => {
    const asked: (readonly [string, string | null])[] = []
    const { origin, close } = await serveOnSocket(await freePort(), request => {
      const answer = streams[asked.length] ?? gone
      asked.push([new URL(request.url).search, request.headers.get('last-event-id')])
      return answer(request)
    })
    open.push(close)
    const environment = { SIGNET_ADMIN_URL: origin, SIGNET_ADMIN_TOKEN: 'token' }
    return { ...(await runSignetd(environment, ['events', '--follow', ...words])), asked }
  }

  it('says in one line that the server no longer knows the place, also when quiet, and goes on with what happens', async () => {
    for (const words of [['--json'], ['--quiet']]) {
      const said = await follow(
        [
          () => stream('retry: 1\n\n', eventAt(7)),
          gone,
          () => stream('retry: 1\n\n', eventAt(1_000_000_008)),
          () => Response.json({}, { status: 403 }),
        ],
        ...words,
      )
      expect(said.asked.map(([, last]) => last)).toEqual([null, '7', null, '1000000008'])
      expect(said.out).toHaveLength(words.includes('--json') ? 3 : 2)
      expect(said.err.filter(line => /no longer knows this place/.test(line))).toEqual([
        'the server no longer knows this place in the stream, as after a restored backup: going on with what happens from now on; signetd events --from 2026-11-30T07:12:05.123Z lists the events since the last one',
      ])
    }
  })

  it('ends at once where the place at which it was told to begin is gone', async () => {
    const said = await follow([gone], '--after', '48213-0123456789ab')
    expect([said.code, said.asked]).toEqual([1, [['?follow', '48213-0123456789ab']]])
    expect(said.err).toEqual(['the administration refuses this (410): The cursor is gone'])
  })

  it('goes on behind the last event after a lost connection, and ends with a refusal', async () => {
    const said = await follow(
      [
        () => stream('retry: 1\n: hello\n\n', eventAt(1), eventAt(2).slice(0, 30), eventAt(2).slice(30)),
        () => stream(`${eventAt(3)}id: 4\ndata: {"cut`),
        () => Response.json({}, { status: 503 }),
        () => stream(eventAt(4).replaceAll('\n', '\r\n')),
        () => Response.json({ title: 'No', errors: [] }, { status: 422 }),
      ],
      '--json',
    )
    expect(said.asked).toEqual([
      ['?follow', null],
      ['?follow', '2'],
      ['?follow', '3'],
      ['?follow', '3'],
      ['?follow', '4'],
    ])
    const numbers = said.out.slice(0, -1).map(line => (JSON.parse(line) as { number: number }).number)
    expect(numbers).toEqual([1, 2, 3, 4])
    expect([said.code, said.out.at(-1)]).toEqual([
      1,
      '{"refusal":"the administration refuses this (422): No"}',
    ])
    expect(said.err).toEqual([
      'the server ended the stream; trying again',
      'the server ended the stream; trying again',
      'the administration cannot answer now (503): try again; trying again',
      'the server ended the stream; trying again',
    ])
  })

  it('prints the events of the filter alone, behind a line of names', async () => {
    const { out, asked } = await follow(
      [
        () =>
          stream(
            'retry: 1\n\n',
            eventAt(8),
            eventAt(9, { kind: 'sign_in.refused', client_id: 'evil\u001b[2J' }),
          ),
      ],
      '--kind',
      'sign_in.refused',
      '--actor',
      'person:ada',
      '--after',
      '7',
    )
    expect(asked[0]).toEqual(['?follow', '7'])
    expect(out.map(line => line.split('\t').slice(0, 7))).toEqual([
      ['AT', 'KIND', 'OUTCOME', 'REASON', 'ACTOR', 'SUB', 'CLIENT'],
      ['2026-11-30T07:12:05Z', 'sign_in.refused', 'succeeded', '-', 'person:ada', 'ada', 'evil\ufffd[2J'],
    ])
  })

  it('is quiet about lost connections with --quiet', async () => {
    const refuse = () => Response.json({}, { status: 403 })
    const said = await follow([() => stream('retry: 1\n\n', eventAt(1)), refuse], '--quiet')
    expect(said.out).toEqual([EVENT.id])
    expect(said.err).toHaveLength(1)
  })

  it.each([
    ['a server without the stream', () => Response.json({ items: [], next: null }), 1, /of an older version/],
    ['what is no event', () => stream('data: {"id":1}\n\n'), 1, /does not understand/],
    ['a server that cannot answer', () => Response.json({}, { status: 503 }), 3, /cannot answer now/],
    ['a refused token', () => Response.json({}, { status: 401 }), 2, /does not take the token/],
  ])('ends at %s', async (_, answer, expected, line) => {
    const { code, err, asked } = await follow([answer])
    expect([code, asked.length]).toEqual([expected, 1])
    expect(err).toEqual([expect.stringMatching(line)])
  })

  it('is not combined with times', async () => {
    expect((await runSignetd({}, ['events', '--follow', '--from', '2026-11-30T07:00:00Z'])).code).toBe(1)
  })
})
