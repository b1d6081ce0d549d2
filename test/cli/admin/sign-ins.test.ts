import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { widthOf } from '../../../src/cli/terminal/text-width.ts'
import { refreshTokens, sidOf, signIn, signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import { freePort } from '../../support/services/services.ts'
import { type Administered, openAdministered, runSignetd, serveOnSocket } from './support.ts'

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000009'

describe('the commands that ask a running server', () => {
  let server: Administered
  beforeAll(async () => {
    server = await openAdministered()
  })
  afterAll(() => server.close())
  const signetd = (...words: readonly string[]) => runSignetd(server.environment, words)

  const person = async () => {
    const email = newEmail()
    const tokens = await signUp(server.instance, email, { client_id: 'app' })
    return { email, tokens, sub: tokens.user.id, sid: sidOf(tokens) }
  }
  const agentOf = (sid: string, agent: string) =>
    server.deployment.database.run(
      sql => sql`update signet.refresh_families set last_user_agent = ${agent} where id = ${sid}`,
    )

  describe('signetd why', () => {
    it('tells of a sign-in that a used refresh token has ended', async () => {
      const { email, tokens, sid } = await person()
      await refreshTokens(server.instance, (await refreshTokens(server.instance, tokens)).body)
      await server.instance.ask('/auth/refresh', {
        body: { refresh_token: tokens.refresh_token },
        from: '192.0.2.44',
      })
      const { code, out } = await signetd('why', sid)
      expect(code).toBe(0)
      expect(out[0]).toMatch(
        new RegExp(
          `^${email} signed in at app on \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC from 127\\.0\\.0\\.1 with a password\\.$`,
        ),
      )
      expect(out[1]).toMatch(/^It was refreshed 2 times, last on .* UTC from 127\.0\.0\.1, by /)
      const story = out.join('\n')
      expect(story).toMatch(
        /a refresh token that had been used before \(generation 0, when the sign-in was at 2\) was presented from 192\.0\.2\.44; the latest refresh had come from 127\.0\.0\.1\./,
      )
      expect(out.at(-1)).toMatch(/^It ended on .* UTC: A refresh token was presented a second time/)
      const quiet = await signetd('why', sid.toUpperCase(), '--quiet')
      expect(quiet.out).toEqual([`${sid}: ${out.at(-1)}`])
      const { sentences, state } = JSON.parse((await signetd('why', sid, '--json')).out[0] ?? '') as {
        sentences: string[]
        state: string
      }
      expect([sentences, state]).toEqual([out, 'ended'])
    })

    it('tells of a living one how long it lives, and who ended one', async () => {
      const { sid } = await person()
      expect((await signetd('why', sid)).out.slice(1)).toEqual([
        'It was never refreshed.',
        expect.stringMatching(/^It lives until .* UTC, or until .* UTC if it is not used before\.$/),
      ])
      await signetd('sign-ins', 'end', sid)
      expect((await signetd('why', sid)).out.join('\n')).toContain('it was ended by the client operator from')
    })

    it('tells of a person: what was refused, what changed, and the last sign-ins', async () => {
      const { email, sub, sid, tokens } = await person()
      const other = sidOf(await signIn(server.instance, email, { client_id: 'app' }))
      await server.deployment.database.run(
        sql => sql`
          insert into signet.events (kind, outcome, reason, user_id, client_id, ip, count, details)
          values ('sign_in.refused', 'refused', 'password_wrong', ${sub}, 'app', '192.0.2.44', 3, '{}')`,
      )
      await server.instance.ask('/auth/logout', { body: { refresh_token: tokens.refresh_token } })
      const { code, out, err } = await signetd('why', email)
      expect([code, err]).toEqual([0, []])
      expect(out[0]).toMatch(new RegExp(`^${email} has the account ${sub}, opened on .* UTC\\.$`))
      const story = out.join('\n')
      expect(story).toMatch(
        /3 attempts to sign in at app from 192\.0\.2\.44 were refused: The password was wrong\./,
      )
      expect(story).toMatch(/by its person from 127\.0\.0\.1: A person opened an account\./)
      const [first, second] = [out.indexOf(`Sign-in ${sid}`), out.indexOf(`Sign-in ${other}`)]
      expect([first > 0, second > first]).toEqual([true, true])
      expect(out[second - 2]).toMatch(/^It ended on .*: The person signed out/)
      expect((await signetd('why', sub, '--quiet')).out).toEqual([
        expect.stringMatching(`^${sid}: It ended on`),
        expect.stringMatching(`^${other}: It lives until`),
      ])
      const json = (await signetd('why', email, '--json')).out.map(
        line => JSON.parse(line) as { sid: string },
      )
      expect(json.map(paragraph => paragraph.sid)).toEqual([null, sid, other])
    })

    it('refuses what has no name here, and what begins several names', async () => {
      expect(await signetd('why', UNKNOWN_ID)).toEqual({
        code: 1,
        out: [],
        err: [`no sign-in and no person that is kept has the name ${UNKNOWN_ID}`],
      })
      const deleted = randomUUID()
      await server.deployment.database.run(
        sql => sql`insert into signet.events (kind, user_id) values ('account.deleted', ${deleted})`,
      )
      expect((await signetd('why', deleted)).err).toEqual([
        `the account ${deleted} is no longer kept: signetd events --sub ${deleted} tells what happened to it`,
      ])
      expect((await signetd('why', 'app')).err).toEqual([
        'app is a client: signetd events --client app --kind client.changed tells who changed it',
      ])
      await person()
      await person()
      const several = await signetd('why', 'person')
      expect(several.code).toBe(1)
      expect(several.err[0]).toMatch(/^person is the beginning of several names: person/)
      expect((await signetd('why', '192.0.2.1')).code).toBe(1)
    })
  })

  it('prints events by a filter, as JSON lines, and leads from one to its sign-in', async () => {
    const { sid, sub } = await person()
    await signetd('sign-ins', 'end', sid)
    const { out } = await signetd('events', '--sid', sid, '--json')
    const told = out.map(line => JSON.parse(line) as { id: string; kind: string; request_id: string })
    expect(told.map(({ kind }) => kind)).toEqual(['sign_in.ended', 'sign_in.opened'])
    const values = await signetd('events', '--sub', sub, '--actor', 'client:operator')
    expect(values.out.map(line => line.split('\t').slice(1, 8))).toEqual([
      ['KIND', 'OUTCOME', 'REASON', 'ACTOR', 'SUB', 'CLIENT', 'FROM'],
      ['sign_in.ended', 'succeeded', 'ended_by_operator', 'client:operator', sub, 'app', '127.0.0.1'],
    ])
    for (const name of [told[0]?.id ?? '', told[0]?.request_id ?? ''])
      expect((await signetd('why', name, '--quiet')).out).toEqual([
        expect.stringMatching(`^${sid}: It ended`),
      ])
    expect((await signetd('events', '--limit', '2', '--quiet')).out).toHaveLength(2)
    const table = await runSignetd(server.environment, ['events', '--limit', '1'], 140)
    expect([table.out.length, table.err]).toEqual([2, ['Only 1 are shown: --limit shows more.']])
    expect((await signetd('events', '--kind', 'nonsense')).err).toEqual([
      'the administration refuses this (422): kind must be a kind that docs/events.md lists',
    ])
    expect((await signetd('events', '--limit', '0')).code).toBe(1)
  })

  it('says what a text names with find', async () => {
    const { email, sub, sid } = await person()
    expect((await signetd('find', email)).out).toEqual([
      'KIND\tID\tNAME\tNOTE',
      expect.stringMatching(`^account\t${sub}\t${email}\tAn account`),
    ])
    expect((await signetd('find', sid, '--quiet')).out).toEqual([sid])
    expect((await signetd('find', 'unheard of')).code).toBe(1)
  })

  describe('signetd sign-ins', () => {
    it('lists those of a person: by tabs, as JSON lines, as ids', async () => {
      const { email, sub, sid } = await person()
      const other = sidOf(await signIn(server.instance, email, { client_id: 'app' }))
      const { out } = await signetd('sign-ins', '--sub', sub)
      const [head = '', ...rows] = out.map(line => line.split('\t'))
      expect(rows.map(row => row[head.indexOf('SID')])).toEqual([other, sid])
      expect(rows.map(row => row[head.indexOf('STATE')])).toEqual(['living', 'living'])
      expect((await signetd('sign-ins', '--sub', sub, '--quiet')).out).toEqual([other, sid])
      const json = await signetd('sign-ins', 'list', '--sub', sub, '--json', '--limit', '1')
      expect(json.out.map(line => JSON.parse(line) as object)).toEqual([
        expect.objectContaining({ sid: other, sub }),
      ])
      expect((await signetd('sign-ins', '--client', 'app', '--limit', '3', '--quiet')).out).toHaveLength(3)
    })

    it('prints an aligned table as wide as the terminal, in colour unless NO_COLOR is set', async () => {
      const { email, sub, sid } = await person()
      await signIn(server.instance, email, { client_id: 'app' })
      const words = ['sign-ins', '--sub', sub]
      const { out } = await runSignetd({ ...server.environment, NO_COLOR: '1' }, words, 160)
      expect(out).toHaveLength(3)
      expect(out.every(line => widthOf(line) <= 160)).toBe(true)
      expect(new Set(out.slice(1).map(line => line.indexOf('living')))).toEqual(
        new Set([out[0]?.indexOf('STATE')]),
      )
      expect(out.at(-1)).toContain(sid)
      expect(out.join('')).not.toContain('\u001b')
      expect((await runSignetd(server.environment, words, 160)).out[1]).toContain('\u001b[32mliving')
      expect((await runSignetd(server.environment, words)).out.join('')).not.toContain('\u001b')
    })

    it('lets no control character and no bidirectional mark of a client reach the terminal', async () => {
      const { sid, sub } = await person()
      const evil = 'x\u001b]0;owned\u0007\u009b31m\u202egnp.exe'
      await agentOf(sid, evil)
      await server.deployment.database.run(
        sql =>
          sql`update signet.users set email = ${`${evil.replaceAll(' ', '')}@example.com`} where id = ${sub}`,
      )
      for (const words of [
        ['why', sid],
        ['find', sid],
        ['sign-ins', '--sub', sub],
      ])
        for (const more of [[], ['--json']]) {
          const { code, out } = await runSignetd(
            { ...server.environment, NO_COLOR: '1' },
            [...words, ...more],
            200,
          )
          expect(code).toBe(0)
          expect(out.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
        }
      const [line = ''] = (await signetd('sign-ins', '--sub', sub, '--json')).out
      expect((JSON.parse(line) as { user_agent: string }).user_agent).toBe(evil)
    })

    it('ends one, again without harm, and leaves the others', async () => {
      const { email, sid, tokens } = await person()
      const other = await signIn(server.instance, email, { client_id: 'app' })
      expect((await signetd('sign-ins', 'end', sid)).out).toEqual(['The sign-in was ended.'])
      expect((await signetd('sign-ins', 'end', sid)).out).toEqual(['The sign-in had ended before.'])
      expect(await signetd('sign-ins', 'end', sid, '--quiet')).toEqual({ code: 0, out: [], err: [] })
      expect((await refreshTokens(server.instance, tokens)).status).toBe(401)
      expect((await refreshTokens(server.instance, other)).status).toBe(200)
      expect((await signetd('sign-ins', 'end', UNKNOWN_ID)).code).toBe(1)
      expect((await signetd('sign-ins', '--sub', UNKNOWN_ID, '--client', 'app')).err[0]).toMatch(
        /^the administration refuses this \(422\): client_id cannot be combined with sub/,
      )
    })
  })

  describe('the credentials', () => {
    const as = (changes: Readonly<Record<string, string>>, ...words: readonly string[]) =>
      runSignetd({ ...server.environment, ...changes }, words)

    it('of a viewer let a command look, and end nothing', async () => {
      const { sid, tokens } = await person()
      expect((await as({ SIGNET_ADMIN_CLIENT_ID: 'watcher' }, 'why', sid)).code).toBe(0)
      const refused = await as({ SIGNET_ADMIN_CLIENT_ID: 'watcher' }, 'sign-ins', 'end', sid)
      expect([refused.code, refused.out]).toEqual([2, []])
      expect(refused.err[0]).toContain('invalid_scope')
      expect((await refreshTokens(server.instance, tokens)).status).toBe(200)
    })

    it('may be a token, or come from a file', async () => {
      const { SIGNET_ADMIN_CLIENT_SECRET: secret = '', ISSUER = '' } = server.environment
      const path = join(server.deployment.keys_dir, 'secret')
      writeFileSync(path, `${secret}\n`, { mode: 0o600 })
      const file = { SIGNET_ADMIN_CLIENT_SECRET: '', SIGNET_ADMIN_CLIENT_SECRET_FILE: path }
      expect((await as(file, 'find', 'app')).code).toBe(0)
      const { body } = await server.instance.token(
        { grant_type: 'client_credentials', resource: ISSUER },
        { Authorization: `Basic ${Buffer.from(`watcher:${secret}`).toString('base64')}` },
      )
      const alone = { SIGNET_ADMIN_CLIENT_ID: '', SIGNET_ADMIN_CLIENT_SECRET: '' }
      expect((await as({ ...alone, SIGNET_ADMIN_TOKEN: body.access_token }, 'find', 'app')).code).toBe(0)
      const { sid } = await person()
      const ending = await as({ ...alone, SIGNET_ADMIN_TOKEN: body.access_token }, 'sign-ins', 'end', sid)
      expect([ending.code, ending.err]).toEqual([
        1,
        ['this needs the scope signet:admin, or signet:viewer to look'],
      ])
    })

    it.each([
      [{ SIGNET_ADMIN_CLIENT_SECRET: '' }, /the command needs a client of the administration/],
      [
        { SIGNET_ADMIN_CLIENT_SECRET: 'wrong' },
        /gives the client operator no token of the administration \(invalid_client\)/,
      ],
      [{ SIGNET_ADMIN_CLIENT_ID: 'reader' }, /invalid_scope/],
      [{ SIGNET_ADMIN_TOKEN: 'forged' }, /does not take the token/],
      [{ SIGNET_ADMIN_TOKEN: 'two words' }, /must be one line of ASCII/],
      [{ SIGNET_ADMIN_URL: 'nonsense' }, /^SIGNET_ADMIN_URL must be the URL/],
      [{ SIGNET_ADMIN_URL: '', INTERNAL_PORT: 'off' }, /^INTERNAL_PORT is off/],
      [{ SIGNET_ADMIN_CLIENT_SECRET_FILE: '/nowhere' }, /are both set/],
    ])('%j are a fault of the set-up, with 2 and one line', async (changes, expected) => {
      const { code, out, err } = await as(changes, 'find', 'app')
      expect([code, out, err]).toEqual([2, [], [expect.stringMatching(expected)]])
    })

    it('reach no server: 3 and one line, also as JSON', async () => {
      const gone = { SIGNET_ADMIN_URL: `http://127.0.0.1:${await freePort()}` }
      expect(await as(gone, 'why', UNKNOWN_ID)).toEqual({
        code: 3,
        out: [],
        err: [`the administration at ${gone.SIGNET_ADMIN_URL} cannot be reached (ECONNREFUSED)`],
      })
      const { code, out } = await as(gone, 'why', UNKNOWN_ID, '--json')
      expect([code, JSON.parse(out[0] ?? '')]).toEqual([
        3,
        { faults: [expect.stringContaining('ECONNREFUSED')] },
      ])
      expect((await as({ ISSUER: gone.SIGNET_ADMIN_URL }, 'find', 'app')).code).toBe(3)
    })

    it('are sent to no other server by a redirect', async () => {
      const asked: string[] = []
      const thief = await serveOnSocket(await freePort(), request => {
        asked.push(request.url)
        return Response.json({ matches: [] })
      })
      const leading = await serveOnSocket(await freePort(), () =>
        Response.redirect(`${thief.origin}/admin/find`, 302),
      )
      expect((await as({ SIGNET_ADMIN_URL: leading.origin }, 'find', 'app')).code).toBe(3)
      expect(asked).toEqual([])
      await leading.close()
      await thief.close()
    })
  })
})
