import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { secureHeaders } from 'hono/secure-headers'
import { createProtect } from 'signetd-verify/hono'
import { z } from 'zod'
import { answerMessage } from './assistant.mjs'
import { answerMcp } from './mcp.mjs'
import { day, runTool, ToolError, text } from './tools.mjs'

const BODY_MOST_BYTES = 32_768
const STATUS = { not_found: 404, invalid: 422, full: 409 }
const MESSAGE = z.object({ text: text(500).min(1), today: day })

/** The API, the MCP server and the page, at one origin. */
export const createApp = ({ issuer, origin, store, revocations, page }) => {
  const app = new Hono()
  app.use(secureHeaders({ contentSecurityPolicy: policyOf(issuer) }))
  app.use(bodyLimit({ maxSize: BODY_MOST_BYTES }))
  app.onError(answerError)

  const protect = createProtect({ issuer, audience: origin, revocations })
  const run = (c, tool, input) => runTool(store, c.var.auth.claims.sub, tool, input)
  app.use('/api/*', protect(), cache('no-store'))
  app.get('/api/tasks', async c => c.json(await run(c, 'list_tasks', c.req.query())))
  app.post('/api/tasks', async c => c.json(await run(c, 'add_task', await bodyOf(c)), 201))
  app.get('/api/tasks/:id', async c => c.json(await run(c, 'read_task', c.req.param())))
  app.patch('/api/tasks/:id', async c =>
    c.json(await run(c, 'change_task', { ...(await bodyOf(c)), ...c.req.param() })),
  )
  app.delete('/api/tasks/:id', async c => c.json(await run(c, 'delete_task', c.req.param())))

  const messages = async c => c.json(await store.listMessages(c.var.auth.claims.sub))
  app.get('/api/chat', messages)
  app.post('/api/chat', async c => {
    const { success, data } = MESSAGE.safeParse(await bodyOf(c))
    if (!success) throw new ToolError('invalid', 'Please write 1 to 500 characters.')
    await answerMessage(store, c.var.auth.claims.sub, data)
    return messages(c)
  })
  app.delete('/api/chat', async c => {
    await store.clearMessages(c.var.auth.claims.sub)
    return messages(c)
  })

  // Programs get tokens for this address alone: the token of the page does not work here, nor theirs at the API.
  const resource = `${origin}/mcp`
  const protectMcp = createProtect({ issuer, audience: resource, resource: { resource }, revocations })
  app.use(protectMcp.metadata())
  app.use('/mcp', protectMcp())
  app.post('/mcp', c => answerMcp(store, c.var.auth.claims.sub, c.req.raw))
  app.all('/mcp', c => c.body(null, 405, { Allow: 'POST' }))

  app.all('/api/*', c => c.json({ error: 'not_found', message: 'There is no such address.' }, 404))
  app.use('/assets/*', serveStatic({ root: page }))
  app.get('*', cache('no-cache'), serveStatic({ path: join(page, 'index.html') }))
  return app
}

const cache = value => async (c, next) => {
  await next()
  c.header('Cache-Control', value)
}

const bodyOf = async c => {
  const body = await c.req.json().catch(() => null)
  if (typeof body !== 'object' || body === null) throw new ToolError('invalid', 'The body is not JSON.')
  return body
}

const answerError = (error, c) => {
  if (error instanceof ToolError)
    return c.json({ error: error.code, message: error.message, fields: error.fields }, STATUS[error.code])
  if (error instanceof HTTPException) return error.getResponse()
  console.error(error)
  return c.json({ error: 'fault', message: 'Something went wrong here. Please try again.' }, 500)
}

/** The page loads nothing of others, and speaks to this server and to Signet alone. */
const policyOf = issuer => ({
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'", issuer],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
})
