import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sidOf, signUp } from '../../support/accounts/account-api.ts'
import { type Administration, openAdministration } from '../../support/accounts/administration.ts'
import type { Answer } from '../../support/answer.ts'
import type { Deployment, Instance } from '../../support/deployment.ts'

type Item = Readonly<Record<string, unknown>>

describe('the lists of the administration', () => {
  let deployment: Deployment
  let instance: Instance
  let ask: Administration
  const people: { sub: string; email: string; sid: string }[] = []
  beforeAll(async () => {
    ;({ deployment, instance, ask } = await openAdministration('watcher'))
    for (const name of ['ann', 'anna', 'anton', 'bob', 'cleo']) {
      const email = `${name}@list.example`
      const tokens = await signUp(instance, email, { client_id: name === 'bob' ? 'grace-app' : 'app' })
      people.push({ sub: tokens.user.id, email, sid: sidOf(tokens) })
    }
  })
  afterAll(() => deployment.close())

  const itemsOf = ({ body }: Answer) => body['items'] as readonly Item[]
  const nextOf = ({ body }: Answer) => body['next'] as string | null
  /** Every page of a list, and the members of this name. */
  const walk = async (path: string, member: string): Promise<readonly unknown[]> => {
    const seen: unknown[] = []
    for (let next: string | null = ''; next !== null; ) {
      const answer: Answer = await ask(`${path}&limit=2${next === '' ? '' : `&after=${next}`}`)
      expect(answer.status).toBe(200)
      expect(itemsOf(answer).length).toBeLessThanOrEqual(2)
      seen.push(...itemsOf(answer).map(item => item[member]))
      next = nextOf(answer)
    }
    return seen
  }
  const faultsOf = ({ status, body }: Answer) => [status, body.errors?.map(({ pointer }) => pointer)]

  it('go through all accounts in the order of their ids, each once', async () => {
    const subs = people.map(({ sub }) => sub)
    expect(await walk('/accounts?', 'sub')).toEqual(subs.toSorted())
    const page = await ask('/accounts?limit=5')
    expect(nextOf(page)).toBeNull()
    expect(nextOf(await ask('/accounts?limit=4'))).not.toBeNull()
  })

  it('go through the accounts whose address begins with a text, in the order of the addresses', async () => {
    const named = (prefix: string) => people.map(({ email }) => email).filter(each => each.startsWith(prefix))
    expect(await walk('/accounts?email_prefix=AN', 'email')).toEqual(named('an').toSorted())
    expect(await walk('/accounts?email_prefix=an%25', 'email')).toEqual([])
    expect(await walk('/accounts?email_prefix=_nn', 'email')).toEqual([])
  })

  it('go through disabled accounts, and through administrators and viewers', async () => {
    const [ann, anna, anton] = people
    await deployment.database.run(
      sql => sql`update signet.users set disabled_at = now() where id = ${String(ann?.sub)}`,
    )
    await deployment.database.run(
      sql => sql`update signet.users set roles = '{signet:viewer}' where id = ${String(anna?.sub)}`,
    )
    await deployment.database.run(
      sql => sql`update signet.users set roles = '{user,signet:admin}' where id = ${String(anton?.sub)}`,
    )
    expect(await walk('/accounts?disabled=true', 'sub')).toEqual([ann?.sub])
    expect(await walk('/accounts?role=signet:viewer', 'sub')).toEqual([anna?.sub])
    expect(await walk('/accounts?role=signet:admin', 'sub')).toEqual([anton?.sub])
  })

  it('go through sign-ins, the newest one first, of all people, of one and of a client', async () => {
    const newest = people.map(({ sid }) => sid).toReversed()
    expect(await walk('/sign-ins?', 'sid')).toEqual(newest)
    const [ann, , , bob] = people
    expect(await walk(`/sign-ins?sub=${ann?.sub}`, 'sid')).toEqual([ann?.sid])
    expect(await walk('/sign-ins?client_id=grace-app', 'sid')).toEqual([bob?.sid])
  })

  it.each([
    ['/accounts?role=user', ['#/role']],
    ['/accounts?disabled=false', ['#/disabled']],
    ['/accounts?email_prefix=a&disabled=true', ['#/disabled']],
    ['/accounts?q=a&limit=0', ['#/limit', '#/q']],
    ['/accounts?limit=201', ['#/limit']],
    ['/accounts?limit=1&limit=2', ['#/limit']],
    ['/accounts?email_prefix=', ['#/email_prefix']],
    ['/accounts?email_prefix=%00', ['#/email_prefix']],
    ['/accounts?a%2Fb~c=1', ['#/a~1b~0c']],
    ['/accounts?after=x', ['#/after']],
    [`/accounts?after=${Buffer.from('["accounts \\"all\\"","1"]').toString('base64url')}`, ['#/after']],
    ['/sign-ins?sub=1', ['#/sub']],
    ['/sign-ins?client_id=app&sub=00000000-0000-7000-8000-000000000001', ['#/client_id']],
  ])('refuse %s', async (path, pointers) => {
    const answer = await ask(path)
    expect(faultsOf(answer)[0]).toBe(422)
    expect(answer.body.errors.map(({ pointer }) => pointer).toSorted()).toEqual(pointers)
  })

  it('refuse the cursor of another list, and take an invented one of the same list as a position', async () => {
    const cursor = nextOf(await ask('/accounts?limit=1'))
    for (const path of ['/sign-ins?', '/accounts?disabled=true&', '/accounts?email_prefix=a&'])
      expect(faultsOf(await ask(`${path}after=${cursor}`))).toEqual([422, ['#/after']])
    const [name] = JSON.parse(Buffer.from(cursor ?? '', 'base64url').toString()) as [string]
    const invented = Buffer.from(JSON.stringify([name, 'ffffffff-ffff-7fff-bfff-ffffffffffff'])).toString(
      'base64url',
    )
    const answer = await ask(`/accounts?after=${invented}`)
    expect([answer.status, itemsOf(answer), nextOf(answer)]).toEqual([200, [], null])
  })
})
