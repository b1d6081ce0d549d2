import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { claimsOf, signIn } from '../support/accounts/account-api.ts'
import { type Ask, createAsk, newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { fillDataDir } from '../support/backends.ts'
import { expectAccessible, launchChromium, openContext } from '../support/pages/browser.ts'
import { CODE_CHALLENGE, CODE_VERIFIER } from '../support/pages/person.ts'
import { freePort } from '../support/services/services.ts'

const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
const TITLE = 'Water the plants'

/** The routes and the tools as the program has them, so that none is left out that comes later. */
const readProgram = () => {
  const text = `
    import { createApp } from './examples/tasks/server/app.mjs'
    import { TOOLS } from './examples/tasks/server/tools.mjs'
    const { routes } = createApp({ issuer: 'https://id.example', origin: 'https://tasks.example', page: '.' })
    console.log(JSON.stringify({ routes, tools: Object.keys(TOOLS) }))`
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', text], {
    encoding: 'utf8',
  })
  return JSON.parse(printed) as Readonly<{
    routes: readonly Readonly<{ method: string; path: string }>[]
    tools: readonly string[]
  }>
}

/** The whole of examples/tasks, by its one command. */
describe('examples/tasks', { timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-tasks-'))
  let program: ChildProcess
  let issuer: string
  let origin = ''
  let api: Ask
  beforeAll(async () => {
    execFileSync(process.execPath, ['scripts/browser-package.mjs'])
    await fillDataDir(join(directory, 'signet'))
    const [port, signetPort] = [await freePort(), await freePort()]
    issuer = `http://localhost:${signetPort}`
    const { PATH = '', HOME = '' } = process.env
    const limits = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_ACCOUNTS: 'off' }
    program = spawn(process.execPath, ['examples/tasks/start.mjs'], {
      env: { PATH, HOME, ...limits, PORT: String(port), ISSUER: issuer, TASKS_DIR: directory },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    if (program.stdout === null) throw new Error('the output of the example cannot be read')
    for await (const line of createInterface({ input: program.stdout })) {
      const [, link] = /^Tasks: (\S+)$/.exec(line) ?? []
      if (link === undefined) continue
      origin = link
      break
    }
    if (origin === '') throw new Error('the example did not start')
    api = createAsk(origin)
  }, 180_000)
  afterAll(async () => {
    program.kill()
    if (program.exitCode === null) await once(program, 'exit')
    rmSync(directory, { recursive: true, force: true })
  })

  /** RFC 6749 §4.1 – A token for the tools, as an agent gets it: the person signs in on Signet's pages, and consents. */
  const askForAgentToken = async (email: string): Promise<string> => {
    const redirect_uri = 'http://localhost/callback'
    const common = { client_id: 'tasks-agent', redirect_uri, resource: `${origin}/mcp` }
    const request = { ...common, response_type: 'code', code_challenge: CODE_CHALLENGE, scope: 'openid' }
    const query = new URLSearchParams({ ...request, code_challenge_method: 'S256' })
    const person = createPageVisitor(issuer, { email, password: PASSWORD })
    const { searchParams } = await person.authorize(`${issuer}/authorize?${query.toString()}`)
    const code = searchParams.get('code') ?? ''
    const form = { ...common, grant_type: 'authorization_code', code, code_verifier: CODE_VERIFIER }
    const { body } = await createAsk(issuer)('/token', { form })
    return body.access_token
  }

  const connect = async (token: string): Promise<Client> => {
    const client = new Client({ name: 'agent', version: '1.0.0' })
    const requestInit = { headers: { Authorization: `Bearer ${token}` } }
    await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), { requestInit }))
    return client
  }

  /** A person with an account, at the API and, by an agent, at the tools. */
  const meet = async () => {
    const email = newEmail()
    const agentToken = await askForAgentToken(email)
    const signet = { ask: createAsk(issuer) }
    const { access_token, refresh_token } = await signIn(signet, email, { client_id: 'tasks' })
    const ask: Ask = (path, asking) => api(path, { ...asking, token: access_token })
    const signOut = () => signet.ask('/auth/logout', { body: { refresh_token } })
    const say = (text: string) => ask('/api/chat', { method: 'POST', body: { text, today: '2030-01-01' } })
    return { email, token: access_token, agentToken, ask, say, signOut, agent: await connect(agentToken) }
  }

  describe('whatever id a person sends', () => {
    let ada: Awaited<ReturnType<typeof meet>>
    let eve: Awaited<ReturnType<typeof meet>>
    let id: string
    const everythingOfAda = async () => [
      (await ada.ask('/api/tasks?status=all')).text,
      (await ada.ask('/api/chat')).text,
    ]
    let before: readonly string[]
    beforeAll(async () => {
      ada = await meet()
      eve = await meet()
      const { body } = await ada.ask('/api/tasks', { method: 'POST', body: { title: TITLE } })
      id = String(body['id'])
      // A question of the assistant that waits for an answer.
      expect((await ada.say('delete 1')).text).toContain('for good?')
      before = await everythingOfAda()
    })
    afterAll(async () => {
      for (const { agent } of [ada, eve]) await agent.close()
    })

    it('every route of the API reaches their own tasks alone, and does not tell that another exists', async () => {
      const { routes } = readProgram()
      // Middleware and files have a wildcard, and the tools behind /mcp have a test of their own.
      const own = routes.filter(({ path }) => !path.includes('*') && path !== '/mcp')
      expect(own.length).toBeGreaterThan(7)
      const owner = String(claimsOf(ada.token)['sub'])
      for (const { method, path } of own) {
        const send = (asked: string) =>
          eve.ask(`${path.replace(':id', asked)}?status=all&id=${asked}&owner=${owner}`, {
            method: method === 'ALL' ? 'POST' : method,
            ...(method === 'GET'
              ? {}
              : {
                  body: {
                    id: asked,
                    owner,
                    sub: owner,
                    title: 'Mine',
                    text: `delete ${asked}`,
                    today: '2030-01-01',
                  },
                }),
          })
        const answer = await send(id)
        expect(answer.text, `${method} ${path}`).not.toContain(TITLE)
        if (path.includes(':'))
          expect([answer.status, answer.text], `${method} ${path}`).toEqual([
            404,
            (await send(UNKNOWN_ID)).text,
          ])
      }
      expect(await everythingOfAda()).toEqual(before)
    })

    it('every tool of the MCP server reaches their own tasks alone', async () => {
      const { tools } = await eve.agent.listTools()
      expect(tools.length).toBeGreaterThan(4)
      for (const { name, inputSchema } of tools) {
        const call = (asked: string) =>
          eve.agent.callTool({
            name,
            arguments: { id: asked, title: 'Mine', status: 'all', owner: claimsOf(ada.token)['sub'] },
          })
        const answer = await call(id)
        expect(JSON.stringify(answer), name).not.toContain(TITLE)
        if ('id' in (inputSchema.properties ?? {})) {
          expect(answer, name).toEqual(await call(UNKNOWN_ID))
          expect(answer['isError'], name).toBe(true)
        }
      }
      expect(await everythingOfAda()).toEqual(before)
    })

    it('every tool that the assistant calls reaches their own tasks alone', async () => {
      /** What makes the assistant call each tool with a task of another person. */
      const sentences: Readonly<Record<string, (id: string) => readonly string[]>> = {
        list_tasks: asked => ['what is open?', `find ${TITLE}`, `find ${asked}`],
        read_task: asked => [`show ${asked}`],
        add_task: () => ['add another one'],
        change_task: asked => [
          `mark ${asked} as done`,
          `rename ${asked} to Mine`,
          `move ${asked} to friday`,
          `mark ${TITLE} as done`,
        ],
        // The question that waits is Ada's.
        delete_task: asked => ['yes', `delete ${asked}`, 'yes', `delete ${TITLE}`, 'yes'],
      }
      expect(Object.keys(sentences)).toEqual(readProgram().tools)
      const answersTo = async (asked: string) => {
        const answers: string[] = []
        for (const text of Object.values(sentences).flatMap(say => say(asked))) {
          const messages: readonly { text: string }[] = JSON.parse((await eve.say(text)).text)
          answers.push((messages.at(-1)?.text ?? '').replaceAll(asked, 'id').replaceAll(/#\d+/g, '#'))
        }
        return answers
      }
      for (const asked of [id, UNKNOWN_ID]) {
        const answers = await answersTo(asked)
        expect(answers.join('\n')).not.toContain(`# “${TITLE}”`)
        expect(answers.filter(text => text === 'There is no such task.')).toHaveLength(6)
      }
      expect(await everythingOfAda()).toEqual(before)
    })

    it('no words name no task, and a day that the calendar lacks is refused', async () => {
      const body = { title: 'One', due: '0000-01-01' }
      expect((await eve.ask('/api/tasks', { method: 'POST', body })).status).toBe(422)
      const early = { text: 'add one for friday', today: '0000-01-01' }
      expect((await eve.ask('/api/chat', { method: 'POST', body: early })).status).toBe(422)
      for (const named of ['""', '#']) {
        const messages: readonly { text: string }[] = JSON.parse(
          (await eve.say(`mark ${named} as done`)).text,
        )
        expect(messages.at(-1)?.text, named).toBe('There is no such task.')
      }
    })

    it('a token for the API does not open the tools, nor the other way round', async () => {
      const statusAt = async (path: string, token: string) => (await api(path, { token })).status
      expect(await statusAt('/mcp', ada.token)).toBe(401)
      expect(await statusAt('/api/tasks', ada.agentToken)).toBe(401)
      expect((await api('/api/tasks')).status).toBe(401)
      expect(await statusAt('/api/tasks', ada.token)).toBe(200)
      const { headers } = await api('/mcp', { method: 'POST', body: {} })
      expect(headers.get('www-authenticate')).toContain(`${origin}/.well-known/oauth-protected-resource/mcp`)
    })

    it('a token ends with its sign-in, by the revocation feed', async () => {
      const { ask, signOut, agent } = await meet()
      await agent.close()
      expect((await ask('/api/tasks')).status).toBe(200)
      expect((await signOut()).status).toBe(204)
      await expect.poll(async () => (await ask('/api/tasks')).status, { timeout: 10_000 }).toBe(401)
      expect((await ada.ask('/api/tasks')).status).toBe(200)
    })

    it('an agent adds and finishes a task of its person, with what it may not do said in words', async () => {
      const { agent, ask } = await meet()
      const call = async (name: string, given: object) => {
        const { content, isError = false } = await agent.callTool({ name, arguments: { ...given } })
        const [{ text = '' } = {}] = content as readonly { text?: string }[]
        return { isError, value: isError ? text : JSON.parse(text) }
      }
      const { value: task } = await call('add_task', { title: 'Order paper', due: '2030-12-31' })
      await call('change_task', { id: task['id'], done: true })
      expect((await ask('/api/tasks?status=done')).text).toContain('Order paper')
      expect((await call('add_task', { title: ' ' })).isError).toBe(true)
      await agent.close()
    })
  })

  describe.skipIf(inject('chromium') === null)('in Chromium', () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await launchChromium()
    })
    afterAll(() => browser.close())

    const fill = async (page: Page, email: string, password: string, button: string) => {
      await page.fill('[name=email]', email)
      await page.fill('[name=password]', password)
      await page.getByRole('button', { name: button, exact: true }).click()
    }
    const say = async (page: Page, text: string) => {
      await page.getByRole('textbox', { name: 'Message' }).fill(text)
      await page.getByRole('button', { name: 'Send' }).click()
    }
    const deepLink = () => `${origin}/tasks/${UNKNOWN_ID}`
    /** Signed in, the deep link leads to a task that this person does not have. */
    const isBack = (page: Page) => page.getByText('There is no such task.').waitFor()

    /** An account by the application's own form, at the overview. */
    const signUpHere = async (page: Page) => {
      const email = newEmail()
      await page.goto(`${origin}/sign-up`)
      await fill(page, email, PASSWORD, 'Create account')
      await page.getByRole('heading', { name: 'Your tasks' }).waitFor()
      return email
    }

    it('its own forms say what is wrong beside the field, and lead back to where the person was', async () => {
      const { context, open, complaints } = await openContext(browser)
      const page = await open()
      await page.goto(origin)
      await page.getByRole('heading', { name: 'What is to be done?' }).waitFor()
      await expectAccessible(page)
      await page.goto(deepLink())
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByText('Please enter your password.').waitFor()
      expect(await page.evaluate('document.activeElement.name')).toBe('email')
      await page.getByRole('link', { name: 'Create an account' }).click()
      await fill(page, 'nonsense', 'short', 'Create account')
      await page.getByText('must be 8 characters or more').waitFor()
      expect(await page.getByLabel('E-mail address').getAttribute('aria-invalid')).toBe('true')
      await expectAccessible(page)
      const email = newEmail()
      const held: Route[] = []
      await page.route('**/auth/register', route => void held.push(route))
      await fill(page, email, PASSWORD, 'Create account')
      await page.locator('button[aria-busy=true]:disabled').waitFor()
      await expect.poll(() => held.length).toBe(1)
      for (const route of held) await route.continue()
      await isBack(page)
      await expectAccessible(page)
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
      await page.goto(deepLink())
      await fill(page, email, 'another password', 'Sign in')
      await page.getByRole('alert').waitFor()
      await fill(page, email, PASSWORD, 'Sign in')
      await isBack(page)
      expect(complaints).toEqual([])
      await context.close()
    })

    it('tasks are added, found, edited and deleted, and the assistant adds and finishes others', async () => {
      const { context, open, complaints } = await openContext(browser)
      const page = await open()
      await signUpHere(page)
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByText('Please say what is to be done.').waitFor()
      await page.getByLabel('New task').fill('Order paper')
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByRole('link', { name: 'Order paper' }).waitFor()
      await say(page, 'add milk for friday')
      await page.getByRole('link', { name: 'Milk' }).waitFor()
      await say(page, 'mark 2 as done')
      await page.getByRole('link', { name: 'Milk' }).waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'All', exact: true }).click()
      await page.getByRole('checkbox', { name: 'Milk: done', checked: true }).waitFor()
      await say(page, 'delete milk')
      await page.getByRole('button', { name: 'Yes' }).waitFor()
      await expectAccessible(page)
      await page.setViewportSize({ width: 1280, height: 844 })
      await page.getByRole('button', { name: 'Yes' }).click()
      await page.getByRole('link', { name: 'Milk' }).waitFor({ state: 'detached' })
      await page.getByLabel('Search').fill('nothing like it')
      await page.getByText('Nothing has “nothing like it” in it.').waitFor()
      await page.getByLabel('Search').fill('paper')
      await page.getByRole('link', { name: 'Order paper' }).click()
      await page.getByLabel('What is to be done').fill('Order more paper')
      await page.getByRole('button', { name: 'Delete this task' }).click()
      await expectAccessible(page)
      await page.getByRole('button', { name: 'Keep' }).click()
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('link', { name: 'Order more paper' }).waitFor()
      await page.reload()
      await page.getByRole('link', { name: 'Order more paper' }).waitFor()
      expect(complaints).toEqual([])
      await context.close()
    })

    it('says that it is offline, keeps what was typed, and goes on', async () => {
      const { context, open } = await openContext(browser)
      const page = await open()
      await signUpHere(page)
      await page.getByLabel('New task').fill('Order paper')
      await context.setOffline(true)
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByText('You are offline.').waitFor()
      await context.setOffline(false)
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByRole('link', { name: 'Order paper' }).waitFor()
      await context.close()
    })

    it('signs out in every tab', async () => {
      const { context, open } = await openContext(browser)
      const page = await open()
      await signUpHere(page)
      const other = await open()
      await other.goto(`${origin}/tasks`)
      await other.getByRole('heading', { name: 'Your tasks' }).waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await other.getByRole('heading', { name: 'Sign in' }).waitFor()
      await context.close()
    })

    it("signs in on Signet's pages too, back to where the person was, and out in every tab", async () => {
      const { context, open, complaints } = await openContext(browser)
      const page = await open()
      await page.goto(origin)
      await page.getByRole('button', { name: 'Sign in on Signet’s pages' }).click()
      await page.waitForURL(`${issuer}/**`)
      await page.goto(deepLink())
      await page.waitForURL(`${issuer}/**`)
      await page.getByRole('link', { name: 'Create an account' }).click()
      await fill(page, newEmail(), PASSWORD, 'Create account')
      await isBack(page)
      const other = await open()
      await other.goto(`${origin}/tasks`)
      await other.getByRole('heading', { name: 'Your tasks' }).waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'What is to be done?' }).waitFor()
      // The guard of the other tab leads to the sign-in at once, when the session at Signet may still live.
      await other.waitForURL(`${issuer}/sign-in**`)
      await other.getByRole('heading', { name: 'Sign in' }).waitFor()
      expect(complaints).toEqual([])
      await context.close()
    })

    it('loses no sign-in when Signet is killed, and goes on by itself when it is back', async () => {
      const { context, open } = await openContext(browser)
      const page = await open()
      await signUpHere(page)
      await say(page, 'add milk')
      await page.getByRole('link', { name: 'Milk' }).waitFor()
      const children = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')
      const [signet = ''] = children.split(' ')
      process.kill(Number(signet), 'SIGKILL')
      await page.reload()
      await page.getByText('The sign-in server cannot be reached just now.').waitFor()
      await page.getByRole('link', { name: 'Milk' }).waitFor({ timeout: 40_000 })
      await context.close()
    })
  })
})
