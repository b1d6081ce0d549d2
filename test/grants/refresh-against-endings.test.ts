import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, signUp, trySignIn } from '../support/accounts/account-api.ts'
import { type Answer } from '../support/answer.ts'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import { API } from '../support/clients.ts'
import { untilWaitingForLock } from '../support/database.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../support/deployment.ts'
import { type SeededFamily, seedFamily } from '../support/families.ts'
import { createBystanders, isActive, refresh, refused } from '../support/refresh.ts'

const TURNS = 25

describe.each(deployments)(
  'a rotation that races the end of its sign-in, over two instances on $name',
  ({ open }) => {
    let deployment: Deployment
    let one: Instance
    let other: Instance
    beforeAll(async () => {
      deployment = await open()
      one = await deployment.start()
      other = await deployment.start()
    })
    afterAll(() => deployment.close())

    const seed = () => seedFamily(deployment, { audience: [API, ISSUER] })

    /** Refreshes twice: returns an access token for the account API, and the tokens for the client's API. */
    const use = async ({ refresh_token }: SeededFamily) => {
      const ours = (await refresh(one, refresh_token, { form: { resource: ISSUER } })).body
      return { ...(await refresh(one, ours.refresh_token)).body, bearer: ours.access_token }
    }

    type Ended = Readonly<{ status?: number }>
    type End = (family: SeededFamily, token: string, bearer: string) => Promise<Ended>
    const endings: readonly (readonly [string, End])[] = [
      ['/revoke', (_, token) => other.post('/revoke', { token, client_id: 'app' })],
      [
        '/revoke with a spent token',
        ({ refresh_token: token }) => other.post('/revoke', { token, client_id: 'app' }),
      ],
      [
        'a sign-out by bearer token',
        (_, __, bearer) => other.ask('/auth/logout', { body: {}, token: bearer }),
      ],
      [
        'a sign-out by refresh token',
        (_, token) => other.ask('/auth/logout', { body: { refresh_token: token } }),
      ],
      [
        'a sign-out everywhere',
        (_, __, bearer) => other.ask('/auth/logout', { body: { everywhere: true }, token: bearer }),
      ],
      [
        'a raised credential epoch',
        async ({ user_id }) => {
          await deployment.database
            .sql`update users set credential_epoch = credential_epoch + 1 where id = ${user_id}`
          return {}
        },
      ],
      [
        'a disabled account',
        async ({ user_id }) => {
          await deployment.database.sql`update users set disabled_at = now() where id = ${user_id}`
          return {}
        },
      ],
    ]

    /** The request that starts first is more likely to win: the refresh and the ending start first in turns. */
    const race = async (turn: number, rotate: () => Promise<Answer>, end: () => Promise<Ended>) => {
      if (turn % 2 === 0) {
        const rotation = rotate()
        return Promise.all([rotation, end()])
      }
      const ended = end()
      return Promise.all([rotate(), ended])
    }

    it.each(endings)('leaves no token alive after %s', async (_, end) => {
      for (let turn = 0; turn < TURNS; turn++) {
        const family = await seed()
        const { access_token, refresh_token, bearer } = await use(family)
        const [rotation, { status = 200 }] = await race(
          turn,
          () => refresh(one, refresh_token),
          () => end(family, refresh_token, bearer),
        )
        expect([200, 204]).toContain(status)
        const given = rotation.status === 200 ? [rotation.body] : []
        for (const instance of [one, other]) {
          for (const token of [access_token, ...given.map(tokens => tokens.access_token)])
            expect(await isActive(instance, token)).toBe(false)
          // The spent token comes last, as it would end the family by itself.
          for (const token of [...given.map(tokens => tokens.refresh_token), refresh_token])
            expect(await refused(instance, token)).toEqual([400, 'invalid_grant'])
        }
      }
    })

    it('ends one sign-in by a sign-out, and no other', async () => {
      const family = await seed()
      const bystanders = await createBystanders(deployment, family)
      const { access_token, bearer } = await use(family)
      expect((await other.ask('/auth/logout', { body: {}, token: bearer })).status).toBe(204)
      expect(await isActive(one, access_token)).toBe(false)
      await bystanders.expectAlive(one)
    })

    it('ends every sign-in of the account by a sign-out everywhere, and none of another account', async () => {
      const [family, stranger] = [await seed(), await seed()]
      const second = await seedFamily(deployment, { user_id: family.user_id, audience: [API, ISSUER] })
      const [mine, theirs, also] = await Promise.all([family, stranger, second].map(use))
      const asking = { body: { everywhere: true }, token: mine?.bearer ?? '' }
      expect((await other.ask('/auth/logout', asking)).status).toBe(204)
      const active = [mine, also, theirs].map(tokens => isActive(one, tokens?.access_token ?? ''))
      expect(await Promise.all(active)).toEqual([false, false, true])
    })
  },
)

describe.skipIf(!hasPostgres || !hasRedis)('a sign-in that races a change of credentials', () => {
  it('is refused when its password was checked before the change and its family is inserted after', async () => {
    const deployment = await (deployments.at(-1)?.open() ?? Promise.reject(new Error('no place')))
    const signet = await deployment.start()
    const email = 'ada@example.com'
    await signUp(signet, email)
    const { sql } = deployment.database

    const signingIn = await sql.begin(async change => {
      await change`update users set credential_epoch = credential_epoch + 1 where email = ${email}`
      const pending = trySignIn(signet, email)
      await untilWaitingForLock(deployment.database)
      return { pending }
    })
    const { status, body } = await signingIn.pending
    expect([status, body['code']]).toEqual([401, 'AUTH_CREDENTIALS_INVALID'])
    const [{ living } = {}] = await sql`
      select count(*)::int as living from refresh_families f join users u on u.id = f.user_id
      where f.credential_epoch = u.credential_epoch and f.revoked_at is null`
    expect(living).toBe(0)
    await signIn(signet, email)
    await deployment.close()
  })
})
