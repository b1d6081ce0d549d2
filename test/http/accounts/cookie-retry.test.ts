import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { trySignUp } from '../../support/accounts/account-api.ts'
import type { Answer } from '../../support/answer.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'

const COOKIE = { refresh_transport: 'cookie' }
const cookieOf = ({ headers }: Pick<Answer, 'headers'>): string =>
  headers
    .getSetCookie()
    .find(cookie => cookie.startsWith('signet-refresh='))
    ?.split(';')[0] ?? ''

describe.each(deployments)('a refresh by cookie whose answer was lost ($name)', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([])
    signet = await deployment.start()
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  const refresh = (cookie: string, key?: string) =>
    signet.ask('/auth/refresh', {
      method: 'POST',
      headers: { Origin: ISSUER, Cookie: cookie, ...(key === undefined ? {} : { 'Idempotency-Key': key }) },
    })
  const signIn = async (email: string) => cookieOf(await trySignUp(signet, email, COOKIE))
  /** Moves each rotation into the past. Citus takes no time of a column and an interval in an update. */
  const pass = (seconds: number) =>
    deployment.database.run(
      sql => sql`
        with passed as materialized (
          select user_id, id, rotated_at - make_interval(secs => ${seconds}) as rotated_at
          from signet.refresh_families
        )
        update signet.refresh_families f
        set rotated_at = passed.rotated_at
        from passed
        where f.user_id = passed.user_id and f.id = passed.id`,
    )

  it('gets the same successor again by the same Idempotency-Key, however late', async () => {
    const cookie = await signIn('with-key@cookie-retry.example')
    const first = await refresh(cookie, 'attempt 1')
    await pass(86_400)
    const again = await refresh(cookie, 'attempt 1')
    expect([first.status, again.status]).toEqual([200, 200])
    expect(cookieOf(again)).toBe(cookieOf(first))
    expect((await refresh(cookieOf(again), 'attempt 2')).status).toBe(200)
  })

  it('gets the same successor again without a key for 10 seconds, and ends the sign-in after that', async () => {
    const cookie = await signIn('without-key@cookie-retry.example')
    const first = await refresh(cookie)
    expect(cookieOf(await refresh(cookie))).toBe(cookieOf(first))
    await pass(11)
    expect((await refresh(cookie)).status).toBe(401)
    expect((await refresh(cookieOf(first))).status).toBe(401)
  })

  it('ends the sign-in for another key, for a key that every attempt shares, and for a spent attempt', async () => {
    const other = await signIn('other-key@cookie-retry.example')
    await refresh(other, 'attempt 1')
    await pass(11)
    expect((await refresh(other, 'attempt 2')).status).toBe(401)

    const shared = await signIn('shared-key@cookie-retry.example')
    const second = cookieOf(await refresh(shared, 'always'))
    await refresh(second, 'always')
    await pass(11)
    expect((await refresh(second, 'always')).status).toBe(401)

    const spent = await signIn('spent-attempt@cookie-retry.example')
    await refresh(cookieOf(await refresh(spent, 'attempt 1')), 'attempt 2')
    await pass(11)
    expect((await refresh(spent, 'attempt 1')).status).toBe(401)
  })
})
