import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { runTool, TOOLS, ToolError } from './tools.mjs'

/** The tools for programs that speak MCP. Each request has a server of its own, for the person of its token. */
export const answerMcp = async (store, owner, request) => {
  const server = new McpServer({ name: 'tasks', version: '1.0.0' })
  for (const [name, { description, input, readOnly = false, destructive = false }] of Object.entries(TOOLS)) {
    const annotations = { readOnlyHint: readOnly, destructiveHint: destructive }
    server.registerTool(name, { description, inputSchema: input.shape, annotations }, async given => {
      try {
        return content(await runTool(store, owner, name, given))
      } catch (error) {
        if (!(error instanceof ToolError)) throw error
        return { isError: true, ...content({ error: error.code, message: error.message }) }
      }
    })
  }
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  return transport.handleRequest(request)
}

const content = value => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })
