import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVICE_GRANT } from '../../src/domain/authorization/device-code.ts'
import { decideOn, meetPerson } from '../support/authorization/devices.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'

const PROGRAM = 'examples/cli/sign-in.mjs'

describe('examples/cli', { timeout: 30_000 }, () => {
  let deployment: Deployment
  let listening: Listening
  beforeAll(async () => {
    deployment = await openDeployment([
      {
        client_id: 'cli',
        token_endpoint_auth_method: 'none',
        grant_types: [DEVICE_GRANT, 'refresh_token'],
        scope: 'openid email offline_access',
        audience: [API],
      },
    ])
    listening = await listen(deployment)
  })
  afterAll(async () => {
    await listening.close()
    await deployment.close()
  })

  /** Starts the program, answers its code, and returns its exit code and what it has printed. */
  const run = async (decision: 'allow' | 'deny') => {
    const person = await meetPerson(listening.signet)
    const child = spawn(process.execPath, [PROGRAM], { env: { ...process.env, ISSUER: listening.issuer } })
    const exited = once(child, 'exit')
    const lines: string[] = []
    const errors: string[] = []
    child.stderr.on('data', text => errors.push(String(text)))
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      const [, user_code] = /the code (\S+)$/.exec(line) ?? []
      if (user_code !== undefined) await decideOn(person, user_code, decision)
    }
    const [code] = await exited
    return { code, lines, errors, email: person.email }
  }

  it('signs a person in by a code, and tells when the person does not allow it', async () => {
    const [allowed, denied] = await Promise.all([run('allow'), run('deny')])
    expect([allowed.code, allowed.lines.at(-1)]).toEqual([0, `Signed in as ${allowed.email}`])
    expect([denied.code, denied.errors.join('')]).toEqual([1, 'The person did not allow it.\n'])
  })

  it('has under 80 lines', () => {
    expect(readFileSync(PROGRAM, 'utf8').split('\n').length).toBeLessThan(80)
  })
})
