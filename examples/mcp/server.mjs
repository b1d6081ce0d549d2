// An MCP server whose tools need a token of Signet, each with a scope of its own. Start: node examples/mcp/server.mjs
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { authInfoOf, createExpressProtect, scope } from 'signetd-verify/node'
import { followRevocations } from 'signetd-verify/revocations'
import { z } from 'zod'

const { ISSUER: issuer = 'http://localhost:8080', PORT = '3000' } = process.env
const resource = process.env.AUDIENCE ?? `http://localhost:${PORT}/mcp`
const READ = 'notes:read'
const WRITE = 'notes:write'

const revocations = followRevocations({ issuer })
const metadata = { resource, scopes_supported: [READ, WRITE] }
const protect = createExpressProtect({ issuer, audience: resource, revocations, resource: metadata })

const notes = new Map()
const notesOf = ({ authInfo }) => notes.get(authInfo.extra.claims.sub) ?? []
const say = text => ({ content: [{ type: 'text', text }] })
const INPUT = { text: z.string().max(200) }

const createServer = () => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('read_notes', { description: 'Reads' }, extra => say(notesOf(extra).join('\n')))
  server.registerTool('write_note', { description: 'Writes', inputSchema: INPUT }, ({ text }, extra) => {
    notes.set(extra.authInfo.extra.claims.sub, [...notesOf(extra), text].slice(-20))
    return say('Kept.')
  })
  return server
}

/** Asks for the scopes of all that the body calls, since a batch may call several tools. */
const protectTools = (request, response, next) => {
  const isWrite = [request.body].flat().some(message => message?.params?.name === 'write_note')
  return protect(scope(READ, ...(isWrite ? [WRITE] : [])))(request, response, next)
}

const handle = async (request, response) => {
  request.auth = authInfoOf(request)
  const transport = new StreamableHTTPServerTransport()
  await createServer().connect(transport)
  await transport.handleRequest(request, response, request.body)
}

/** Any page may call the tools, such as an inspector: a token is in no cookie. */
const allowPages = (request, response, next) => {
  response.set('Access-Control-Allow-Origin', '*').set('Access-Control-Allow-Headers', '*, Authorization')
  response.set('Access-Control-Expose-Headers', 'WWW-Authenticate')
  return request.method === 'OPTIONS' ? response.sendStatus(204) : next()
}

const app = express().use(protect.metadata(), allowPages)
// Whatever its type, a body is read before the guard: it asks for the scopes of the tools in it.
app.post('/mcp', express.json({ type: () => true }), protectTools, handle)
app.all('/mcp', (_, response) => response.sendStatus(405))

await Promise.all([protect.verifier.ready(), revocations.ready()])
app.listen(Number(PORT), '127.0.0.1', () => console.log(`Listening on ${resource}`))
