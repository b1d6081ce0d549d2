import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Reply, Route } from '../server/route.ts'

/** Three levels up from src/http/public and from dist/http/public alike. */
const OPENAPI = new URL('../../../openapi.yaml', import.meta.url)
/** The folder into which the build copies the files of Swagger UI. A server that runs from src reads those of the package. */
const BUILT = new URL('./swagger-ui/', import.meta.url)

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

/** Ours: Swagger UI sets styles from its script, hence 'unsafe-inline' for styles. Everything else is of this server. */
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

/** The body is bytes: slow readers share one copy. */
const document = (body: Uint8Array<ArrayBuffer>, type: string, headers: Reply['headers'] = HOUR): Reply => ({
  status: 200,
  body,
  headers: { 'Content-Type': `${type}; charset=utf-8`, ...headers },
})

const ofSwagger = (name: string) =>
  readFileSync(
    existsSync(BUILT)
      ? new URL(name, BUILT)
      : createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`),
  )

/** Read at the start, because a build may replace the files while the server runs. */
const REFERENCE = document(readFileSync(OPENAPI), 'application/yaml')
const FILES: ReadonlyMap<string, Reply> = new Map([
  ['swagger-ui.css', document(ofSwagger('swagger-ui.css'), 'text/css')],
  ['swagger-ui-bundle.js', document(ofSwagger('swagger-ui-bundle.js'), 'text/javascript')],
  ['start.js', document(START, 'text/javascript')],
])

const open = { method: 'GET', cors: 'anyone', errors: 'problem' } as const

/** Ours: openapi.yaml, and a page that shows it. */
export const docsRoutes = (): readonly Route[] => [
  { ...open, path: '/openapi.yaml', handle: async () => REFERENCE },
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
      const reply = FILES.get(context.req.param('file') ?? '')
      if (reply === undefined) throw new Problem('NOT_FOUND')
      return reply
    },
  },
]
