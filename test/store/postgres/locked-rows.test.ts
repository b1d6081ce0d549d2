import { randomBytes } from 'node:crypto'
import type { ReservedSql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LINK_SEED_BYTES, linkTokenFrom } from '../../../src/domain/account/email-link.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { createAddressees } from '../../../src/store/mail/addressees.ts'
import { createIssueLinks } from '../../../src/store/mail/issue-links.ts'
import { signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { newEmail, times } from '../../support/ask.ts'
import { askForCodes, TV } from '../../support/authorization/devices.ts'
import { hasPostgres } from '../../support/backends.ts'
import { CLIENTS } from '../../support/clients.ts'
import {
  countWaitingForLock,
  type Database,
  openDatabase,
  untilWaitingForLock,
} from '../../support/database.ts'
import { type Deployment, type Instance, openServedDeployment } from '../../support/deployment.ts'
import { pepperOf, seedFamily } from '../../support/families.ts'
import { refresh, rotated } from '../../support/refresh.ts'

const POOL = 4
const REQUESTS = 30
const OTHERS = 6
const ROTATIONS = 4

describe.skipIf(!hasPostgres)('an instance, while another transaction holds rows', () => {
  let deployment: Deployment
  let database: Database
  let signet: Instance
  beforeAll(async () => {
    deployment = await openServedDeployment([...CLIENTS, TV])
    // A caller waits longer than by default, so that no request is answered while the others are served.
    database = openDatabase({
      url: deployment.environment['DATABASE_URL'] ?? '',
      pool_size: POOL,
      answer_seconds: 60,
    })
    signet = await deployment.start({ database, environment: { RATE_LIMIT_DEVICE_REQUESTS: 'off' } })
  })
  afterAll(async () => {
    await deployment.close()
    await database.close()
  })

  const seedMany = (count: number) => Promise.all(times(count).map(() => seedFamily(deployment)))

  /** Locks an account, or each of these families, until `release`. A statement names one person: Citus locks no rows of several. */
  const holdAccount = async (id: string) => {
    const holder = await deployment.database.sql.reserve()
    await holder`begin`
    await holder`select from users where id = ${id} for no key update`
    return letGoOf(holder)
  }
  const holdFamilies = async (families: readonly Readonly<{ id: string; user_id: string }>[]) => {
    const holder = await deployment.database.sql.reserve()
    await holder`begin`
    for (const { id, user_id } of families)
      await holder`select from refresh_families where user_id = ${user_id} and id = ${id} for no key update`
    return letGoOf(holder)
  }
  const letGoOf = (holder: ReservedSql) => async () => {
    await holder`rollback`
    holder.release()
  }
  const countWaiting = () => countWaitingForLock(deployment.database)
  /** Refreshes other families, each in turns, which must succeed. */
  const serveOthers = async () => {
    const others = await seedMany(OTHERS)
    await Promise.all(
      others.map(async ({ refresh_token }) => {
        let token: string = refresh_token
        for (let turn = 0; turn < ROTATIONS; turn++) token = await rotated(signet, token)
      }),
    )
  }
  /** Serves all others while the requests wait, and lets go of the rows then. Returns the answers to the requests. */
  const serveBeside = async <T>(release: () => Promise<void>, requests: readonly Promise<T>[]) => {
    let answered = 0
    for (const request of requests) void request.finally(() => answered++)
    await untilWaitingForLock(deployment.database)
    await serveOthers()
    const waiting = await countWaiting()
    expect(answered).toBe(0)
    await release()
    const answers = await Promise.all(requests)
    return { waiting, answers }
  }

  it('serves the others beside thirty refreshes of one locked family, which all get the same successor', async () => {
    const [family] = await seedMany(1)
    const release = await holdFamilies(family === undefined ? [] : [family])
    const requests = times(REQUESTS).map(() =>
      refresh(signet, family?.refresh_token ?? '', { key: 'one attempt' }),
    )
    const { waiting, answers } = await serveBeside(release, requests)
    expect(waiting).toBe(1)
    expect(new Set(answers.map(({ body }) => body.refresh_token))).toEqual(new Set([family?.tokenAt(1)]))
  })

  it('serves the others beside refreshes, revocations and sign-outs of more locked families than it has connections', async () => {
    const families = await seedMany(3 * POOL)
    const release = await holdFamilies(families)
    const requests = families.map(({ refresh_token }, turn) => {
      if (turn % 3 === 0) return refresh(signet, refresh_token)
      const body = { refresh_token }
      if (turn % 3 === 1) return signet.ask('/auth/logout', { body })
      return signet.post('/revoke', { token: refresh_token, client_id: 'app' })
    })
    const { waiting, answers } = await serveBeside(release, requests)
    expect(waiting).toBe(POOL / 2)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 204]))
  })

  it('serves the others beside thirty sign-ins of one locked account', async () => {
    const email = newEmail()
    const { user } = await signUp(signet, email)
    const release = await holdAccount(user.id)
    const { waiting, answers } = await serveBeside(
      release,
      times(REQUESTS).map(() => trySignIn(signet, email)),
    )
    expect(waiting).toBe(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  it('serves the others beside notes of the language of one locked account', async () => {
    const { user } = await signUp(signet, newEmail())
    const release = await holdAccount(user.id)
    const addressees = createAddressees(database)
    const notes = times(REQUESTS).map(() => addressees.rememberLanguage({ id: user.id, language: 'de' }))
    const { waiting } = await serveBeside(release, notes)
    expect(waiting).toBe(1)
    const [kept] = await database.run(sql => sql`select language from signet.users where id = ${user.id}`)
    expect(kept).toEqual({ language: 'de' })
  })

  it('serves the others beside thirty password resets of one account that is being deleted', async () => {
    const email = newEmail()
    const { user } = await signUp(signet, email)
    const holder = await deployment.database.sql.reserve()
    await holder`begin`
    await holder`select from users where id = ${user.id} for update`
    const [links, pepper] = [createIssueLinks(database), pepperOf(deployment.pepper)]
    const issues = times(REQUESTS).map(() => {
      const seed = randomBytes(LINK_SEED_BYTES)
      const link = { digest: digestOf(linkTokenFrom(seed, pepper)), seed, pepper_id: pepper.id }
      return links.issueReset({ email, link, pepper_ids: [pepper.id] })
    })
    const { waiting, answers } = await serveBeside(letGoOf(holder), issues)
    expect(waiting).toBe(1)
    // Each of them is told the link of the first one.
    expect(new Set(answers.map(issued => issued?.seed.toString())).size).toBe(1)
  })

  it('serves the others, and polls with unknown codes, beside thirty polls with one locked device code', async () => {
    const { form, user_code } = await askForCodes(signet)
    const holder = await deployment.database.sql.reserve()
    await holder`begin`
    await holder`
      select from device_authorizations where user_code = ${user_code.replace('-', '')} for no key update`
    const polls = times(REQUESTS).map(() => signet.token(form))
    await untilWaitingForLock(deployment.database)
    const unknown = times(REQUESTS).map(turn => {
      const end = `${String(turn).padStart(7, 'B')}A`
      return signet.token({ ...form, device_code: form['device_code']?.replace(/.{8}$/, end) ?? '' })
    })
    expect(new Set((await Promise.all(unknown)).map(({ body }) => body.error))).toEqual(
      new Set(['invalid_grant']),
    )
    const { waiting, answers } = await serveBeside(letGoOf(holder), polls)
    expect(waiting).toBe(1)
    expect(answers.map(({ body }) => body.error)).toContain('authorization_pending')
  })
})
