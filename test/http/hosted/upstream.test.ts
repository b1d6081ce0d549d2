import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail } from '../../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { listen } from '../../support/listen.ts'
import { createPerson } from '../../support/pages/person.ts'
import { createVisitor, pathOf, writeUpstreams } from '../../support/upstream/upstreams.ts'

const SECRET = 'a secret of thirty-two characters or more'

/** A second Signet, at which people of the first one may sign in. */
const openSecond = async (callback: string) => {
  const deployment = await openDeployment([
    {
      client_id: 'first',
      client_secret: SECRET,
      grant_types: ['authorization_code'],
      redirect_uris: [callback],
      scope: 'openid profile email',
      audience: ['https://first.example'],
    },
  ])
  const listening = await listen(deployment)
  return { deployment, listening }
}

describe('a sign-in at a second Signet (OpenID Connect Core §3.1)', () => {
  let second: Awaited<ReturnType<typeof openSecond>>
  let deployment: Deployment
  let first: Instance
  let upstreams: ReturnType<typeof writeUpstreams>
  const issuerOfFirst = 'http://localhost:8080'
  beforeAll(async () => {
    second = await openSecond(`${issuerOfFirst}/sign-in/upstream/second`)
    upstreams = writeUpstreams([
      {
        id: 'second',
        issuer: second.listening.issuer,
        client_id: 'first',
        client_secret: SECRET,
        label: 'Second',
        create_accounts: true,
        trust_email: true,
      },
    ])
    deployment = await openDeployment()
    first = await deployment.start({ environment: upstreams.environment })
  })
  afterAll(async () => {
    await deployment.close()
    await second.listening.close()
    await second.deployment.close()
    upstreams.remove()
  })

  const signUpAtSecond = async (address: string, email: string) => {
    const there = createPerson(second.listening.signet)
    const page = await there.follow(await there.open(pathOf(address)))
    const consent = await there.signUp(page, email)
    const answer = await there.allow(consent)
    return { there, callback: answer.location ?? '' }
  }

  it('opens an account for a person who has none, and signs in to it the next time', async () => {
    const email = newEmail()
    const visitor = createVisitor(first)
    const { there, callback } = await signUpAtSecond(await visitor.leave('second'), email)
    const account = await visitor.comeBack(callback)
    expect(account.text).toContain(email)

    const again = createVisitor(first)
    const answer = await there.follow(await there.open(pathOf(await again.leave('second'))))
    expect((await again.comeBack(answer.location ?? '')).text).toContain(email)
  })

  it('reads UPSTREAMS_FILE again on SIGHUP: what went is not offered nor answered, and faults change nothing', async () => {
    const [known] = upstreams.entries
    const visitor = createVisitor(first)
    const offered = async () => {
      const { text } = await createPerson(first).open('/sign-in')
      return ['second', 'third'].filter(id => text.includes(`/sign-in/upstream/${id}?`))
    }
    await visitor.leave('second')
    upstreams.write([{ ...known, id: 'third', label: 'Third' }])
    expect(await offered()).toEqual(['second'])
    await first.reload()
    expect(await offered()).toEqual(['third'])
    expect((await visitor.person.open('/sign-in/upstream/second?code=x&state=y')).status).toBe(404)
    upstreams.write([{ ...known, label: '' }])
    await expect(first.reload()).rejects.toThrow(/line 1: provider "second": label/)
    expect(await offered()).toEqual(['third'])
    upstreams.write(upstreams.entries)
    await first.reload()
    expect(await offered()).toEqual(['second'])
  })

  it('refuses a start and keeps the providers of before at a reload when the file has faults, with the line', async () => {
    const broken = writeUpstreams([{ id: 'second', issuer: 'https://second.example', client_id: 'first' }])
    await expect(deployment.start({ environment: broken.environment })).rejects.toThrow(
      /UPSTREAMS_FILE .* line 1: provider "second": label/,
    )
    broken.write([
      {
        id: 'second',
        issuer: 'https://second.example',
        client_id: 'first',
        label: 'Second',
        icon_file: 'none.svg',
      },
    ])
    await expect(deployment.start({ environment: broken.environment })).rejects.toThrow(
      /provider "second": icon_file cannot be read/,
    )
    broken.remove()
  })
})
