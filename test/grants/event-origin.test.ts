import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JWT_BEARER_GRANT } from '../../src/domain/exchange/issuer-assertion.ts'
import { giveExternalId } from '../support/accounts/account-lines.ts'
import type { Answer } from '../support/answer.ts'
import { times } from '../support/ask.ts'
import { askForCodes, decideOn, meetPerson, TV } from '../support/authorization/devices.ts'
import { issueCode, WEB } from '../support/authorization/exchange.ts'
import { createIdentityProvider, writeIssuers } from '../support/authorization/issuers.ts'
import { API, basic, CLIENT_CREDENTIALS, CLIENTS, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { createUser, seedFamily } from '../support/families.ts'
import { refresh, rotated } from '../support/refresh.ts'

const AGENT = {
  client_id: 'agent',
  client_secret: SECRETS.service,
  grant_types: [JWT_BEARER_GRANT],
  scope: 'read',
  audience: [API],
}
/** Requests of each kind, which alternate between two instances. */
const REQUESTS = 3

/** A request, and the sign-in that its answer opens or ends. */
type Sent = Readonly<{ answer: Answer; sid: unknown; kinds: readonly string[] }>

/** Sends a request to an instance, from an address. */
type Send = (at: Instance, from: string) => Promise<Sent>

describe('events of the token endpoint and of /auth/refresh', () => {
  let deployment: Deployment
  let instances: readonly [Instance, Instance]
  let file: string
  let corp: Awaited<ReturnType<typeof createIdentityProvider>>
  beforeAll(async () => {
    corp = await createIdentityProvider('https://corp.example')
    const subject = { by: 'external_id', prefix: '' }
    file = writeIssuers([
      { issuer: corp.issuer, jwks: corp.jwks, subject, clients: ['agent'], scope: 'read' },
    ])
    deployment = await openDeployment([...CLIENTS, WEB, TV, AGENT])
    const environment = { ASSERTION_ISSUERS_FILE: file }
    instances = [await deployment.start({ environment }), await deployment.start({ environment })]
  })
  afterAll(async () => {
    await deployment.close()
    rmSync(dirname(file), { recursive: true })
  })

  const opened = (answer: Answer): Sent => {
    expect([answer.status, answer.body.error]).toEqual([200, undefined])
    return { answer, sid: decodeJwt(answer.body.access_token)['sid'], kinds: ['sign_in.opened'] }
  }
  const fromCode = async (): Promise<Send> => {
    const { form } = await issueCode(deployment)
    return async (at, from) => opened(await at.ask('/token', { form, from }))
  }
  const fromDevice = async (): Promise<Send> => {
    const { form, user_code } = await askForCodes(instances[0])
    await decideOn(await meetPerson(instances[0]), user_code, 'allow')
    return async (at, from) => opened(await at.ask('/token', { form, from }))
  }
  const fromAssertion = async (): Promise<Send> => {
    const sub = await createUser(deployment)
    await giveExternalId(deployment.database, sub, sub)
    const form = { grant_type: JWT_BEARER_GRANT, assertion: await corp.assertion({ sub }) }
    const headers = basic('agent', SECRETS.service)
    return async (at, from) => opened(await at.ask('/token', { form, headers, from }))
  }
  const spent = async () => {
    const { id, refresh_token } = await seedFamily(deployment)
    await rotated(instances[0], await rotated(instances[0], refresh_token))
    return { refresh_token, sid: id, kinds: ['refresh_token.reused', 'sign_in.ended'] }
  }
  const reuse = async (): Promise<Send> => {
    const { refresh_token, ...told } = await spent()
    const form = { grant_type: 'refresh_token', refresh_token, client_id: 'app' }
    return async (at, from) => {
      const answer = await at.ask('/token', { form, from })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant'])
      return { ...told, answer }
    }
  }
  const reuseAtAccounts = async (): Promise<Send> => {
    const { refresh_token, ...told } = await spent()
    return async (at, from) => {
      const answer = await at.ask('/auth/refresh', { body: { refresh_token }, from })
      expect(answer.status).toBe(401)
      return { ...told, answer }
    }
  }
  const KINDS = { fromCode, fromDevice, fromAssertion, reuse, reuseAtAccounts }

  it('name the request that caused them, and its address, while other requests come and go', async () => {
    const makes = times(REQUESTS).flatMap(() => Object.values(KINDS))
    const sends = await Promise.all(makes.map(make => make()))
    const bystander = await seedFamily(deployment)
    const [one, two] = instances
    const others = times(REQUESTS).flatMap(() => [
      one.ask('/auth/me'),
      two.ask('/readyz'),
      one.token(CLIENT_CREDENTIALS, SERVICE),
    ])
    const sent = await Promise.all(
      sends.map(async (send, index) => {
        const ip = `192.0.2.${index + 1}`
        return { ip, ...(await send(index % 2 === 0 ? one : two, ip)) }
      }),
    )
    await Promise.all(others)
    for (const { answer, ip, sid, kinds } of sent) {
      const rows = await deployment.database.sql`
        select kind, ip, request_id from events
        where sid = ${String(sid)} and kind in ${deployment.database.sql(kinds)}
        order by kind`
      const request_id = answer.headers.get('x-request-id')
      expect(rows).toEqual(kinds.map(kind => ({ kind, ip, request_id })))
    }
    expect((await refresh(one, bystander.refresh_token)).status).toBe(200)
  })
})
