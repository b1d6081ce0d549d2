import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Problem } from '../../domain/base/problem.ts'
import type { Reply, Route } from '../server/route.ts'

/** Three levels up from src/http/public and from dist/http/public alike. */
const OPENAPI = fileURLToPath(new URL('../../../openapi.yaml', import.meta.url))

const PAGE = Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Signet API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`)

const START = Buffer.from(
  `SwaggerUIBundle({ url: '/openapi.yaml', dom_id: '#reference', deepLinking: true, validatorUrl: null })
`,
)

/** Ours: Swagger UI sets styles from its script; everything else comes from this server, and it talks to no other. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HOUR = { 'Cache-Control': 'public, max-age=3600' }

/** Ours: openapi.yaml, and the same as a page. Its files are read from disk, once, when somebody first asks. */
export const docsRoutes = (): readonly Route[] => [
  { ...open, path: '/openapi.yaml', handle: once(() => file(OPENAPI, 'application/yaml')) },
  {
    ...open,
    path: '/docs',
    handle: async () => {
      const headers = { ...HOUR, 'Content-Security-Policy': CONTENT_SECURITY_POLICY }
      return document(PAGE, 'text/html', headers)
    },
  },
  {
    ...open,
    path: '/docs/:file',
    handle: async ({ context }) => {
      const read = FILES.get(context.req.param('file') ?? '')
      if (read === undefined) throw new Problem('NOT_FOUND')
      return read()
    },
  },
]

const open = { method: 'GET', cors: 'anyone', errors: 'problem' } as const

/** As bytes: one copy for all who are slow to read it. */
const document = (body: Uint8Array<ArrayBuffer>, type: string, headers: Reply['headers'] = HOUR): Reply => ({
  status: 200,
  body,
  headers: { 'Content-Type': `${type}; charset=utf-8`, ...headers },
})

const file = async (path: string, type: string) => document(await readFile(path), type)

const ofSwagger = (name: string) => createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`)

/** Remembers the answer; a file that could not be read is tried again. */
const once = (read: () => Promise<Reply>) => {
  let reply: Promise<Reply> | undefined
  return () =>
    (reply ??= read().catch((error: unknown) => {
      reply = undefined
      throw error
    }))
}

const FILES: ReadonlyMap<string, () => Promise<Reply>> = new Map([
  ['swagger-ui.css', once(() => file(ofSwagger('swagger-ui.css'), 'text/css'))],
  ['swagger-ui-bundle.js', once(() => file(ofSwagger('swagger-ui-bundle.js'), 'text/javascript'))],
  ['start.js', async () => document(START, 'text/javascript')],
])
