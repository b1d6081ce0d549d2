/** signetd/node: Express, Fastify and plain http. */
import { createProofJudge } from './dpop/judge-proof.ts'
import { createAuthenticate } from './guards/authenticate.ts'
import { type AuthInfo, authInfoFrom } from './guards/mcp.ts'
import type { Authenticated, OldSessions } from './guards/old-sessions.ts'
import { nodeEngine } from './verify/engine-node.ts'
import type { VerifierOptions } from './verify/options.ts'
import type { PresentedRequest } from './verify/presented.ts'
import type { Requirement } from './verify/requirements.ts'
import {
  answerMetadata,
  type MetadataAnswer,
  metadataOf,
  type ResourceMetadata,
} from './verify/resource-metadata.ts'
import { type Answer, answerFor, TokenError } from './verify/token-error.ts'
import { type Verifier, verifierOn } from './verify/verifier.ts'

export { type AuthInfo, createMcpVerifier } from './guards/mcp.ts'
export type { Authenticated, OldSessions } from './guards/old-sessions.ts'
export * from './verify/public.ts'

/** RFC 9068 §4, RFC 9449 §7 – A verifier that also takes tokens which are bound to a key, from a request with a proof. */
export const createVerifier = verifierOn(nodeEngine, createProofJudge)

/** The members of a request and a response that the guards use: HTTP/1.1 and HTTP/2 both have them. */
type Incoming = Readonly<{
  method?: string | undefined
  url?: string | undefined
  /** Express cuts the place of a router off `url`. */
  originalUrl?: string | undefined
  headers: Readonly<{ authorization?: string | undefined; dpop?: string | readonly string[] | undefined }>
  rawHeaders: readonly string[]
}>
type Outgoing = {
  writeHead(status: number, headers: Record<string, string>): unknown
  end(text: string): unknown
}

type Express<Request> = (request: Request, response: Outgoing, next: (error?: unknown) => void) => unknown

/** The members of a Fastify request and reply that are used. */
type FastifyRequest = Readonly<{ raw: Incoming }>
type FastifyReply = {
  code(status: number): FastifyReply
  headers(values: Readonly<Record<string, string>>): FastifyReply
  send(body: unknown): FastifyReply
}
type Fastify<Request> = (request: Request, reply: FastifyReply) => Promise<unknown>

type Protection<Guard, Metadata> = {
  /** A guard: a request without a genuine token that meets every requirement is refused, unless it has a session that is still taken. */
  (...requirements: readonly Requirement[]): Guard
  readonly verifier: Verifier
  /** RFC 9728 – Serves the metadata of this resource, at its own path and at the root, to any origin. Throws without the option `resource`. */
  metadata(): Metadata
}

const verified = new WeakMap<object, Authenticated>()

/**
 * The verified token of a request that passed a guard, or its session: Express's or http's request, or Fastify's. Throws when there was no
 * guard.
 */
export const authOf = (request: Incoming | FastifyRequest): Authenticated => {
  // The request itself comes first: other middleware of Express may have put its own `raw` on it.
  const auth = verified.get(request) ?? ('raw' in request ? verified.get(request.raw) : undefined)
  if (auth === undefined) throw new Error('authOf: no guard protects this route')
  return auth
}

/**
 * The same for `@modelcontextprotocol/sdk`: `request.auth = authInfoOf(request)` hands it to the tools. Throws when there was no guard, and
 * for a request that came by a session.
 */
export const authInfoOf = (request: Incoming): AuthInfo => {
  const auth = authOf(request)
  if (auth.by === 'session') throw new Error('authInfoOf: the request came by a session, and has no token')
  return authInfoFrom(
    authorizationOf(request)
      ?.replace(/^\w+ +/, '')
      .trimEnd() ?? '',
    auth.claims,
  )
}

/** RFC 6750 §3 – Middleware for Express. `app.get('/orders', protect(scope('orders:read')), …)`; then `authOf(request).claims`. */
export const createExpressProtect = <Request extends Incoming = Incoming>(
  given: VerifierOptions | Verifier,
  sessions?: OldSessions<Request>,
): Protection<Express<Request>, Express<Incoming>> => {
  const verifier = verifierFrom(given)
  const judge = createJudge(verifier, sessions)
  const protect = (...requirements: readonly Requirement[]): Express<Request> => {
    return async (request, response, next) => {
      let answer: Answer | null
      try {
        answer = await judge(request, request, requirements)
      } catch (error) {
        return next(error)
      }
      return answer === null ? next() : send(response, answer)
    }
  }
  const metadata = (): Express<Incoming> => {
    const served = metadataOf(verifier)
    return (request, response, next) => (serve(served, request, response) ? undefined : next())
  }
  return Object.assign(protect, { verifier, metadata })
}

/** RFC 6750 §3 – For Fastify. `app.get('/orders', { preHandler: protect(scope('orders:read')) }, …)`; then `authOf(request).claims`. */
export const createFastifyProtect = <Request extends FastifyRequest = FastifyRequest>(
  given: VerifierOptions | Verifier,
  sessions?: OldSessions<Request>,
): Protection<Fastify<Request>, Fastify<FastifyRequest>> => {
  const verifier = verifierFrom(given)
  const judge = createJudge(verifier, sessions)
  const protect = (...requirements: readonly Requirement[]): Fastify<Request> => {
    return async (request, reply) => {
      const answer = await judge(request.raw, request, requirements)
      return answer === null ? undefined : reply.code(answer.status).headers(answer.headers).send(answer.body)
    }
  }
  /** An onRequest hook. */
  const metadata = (): Fastify<FastifyRequest> => {
    const served = metadataOf(verifier)
    return async ({ raw }, reply) => {
      const answer = judgeMetadata(served, raw)
      return answer === null ? undefined : reply.code(answer.status).headers(answer.headers).send(answer.body)
    }
  }
  return Object.assign(protect, { verifier, metadata })
}

/** RFC 6750 §3 – For plain http: `if (!(await guard(request, response))) return`. False: the answer has been sent. */
export const createHttpProtect = <Request extends Incoming = Incoming>(
  given: VerifierOptions | Verifier,
  sessions?: OldSessions<Request>,
): Protection<
  (request: Request, response: Outgoing) => Promise<boolean>,
  (request: Incoming, response: Outgoing) => boolean
> => {
  const verifier = verifierFrom(given)
  const judge = createJudge(verifier, sessions)
  const protect = (...requirements: readonly Requirement[]) => {
    return async (request: Request, response: Outgoing) => {
      const answer = await judge(request, request, requirements)
      if (answer !== null) send(response, answer)
      return answer === null
    }
  }
  /** True: the request asked for the metadata, and the answer has been sent. */
  const metadata = () => {
    const served = metadataOf(verifier)
    return (request: Incoming, response: Outgoing) => serve(served, request, response)
  }
  return Object.assign(protect, { verifier, metadata })
}

const verifierFrom = (given: VerifierOptions | Verifier): Verifier =>
  'verify' in given ? given : createVerifier(given)

/** Null: the request may pass, and its token or session is known to `authOf`. `request` is what the framework has around `incoming`. */
const createJudge = <Request>(verifier: Verifier, sessions: OldSessions<Request> | undefined) => {
  const authenticate = createAuthenticate(verifier, sessions)
  return async (
    incoming: Incoming,
    request: Request,
    requirements: readonly Requirement[],
  ): Promise<Answer | null> => {
    try {
      verified.set(incoming, await authenticate({ presented: presentedBy(incoming), request, requirements }))
      return null
    } catch (error) {
      if (error instanceof TokenError) return answerFor(error)
      throw error
    }
  }
}

/**
 * Ours: Node keeps the first of two Authorization headers, while a proxy in front of it may have judged the last. The
 * guard joins the two into a malformed value, which is refused. `rawHeaders` exists in HTTP/2 and in test tools too; it lacks headers
 * that other middleware has set.
 */
const authorizationOf = ({ headers, rawHeaders }: Incoming): string | undefined => {
  const sent = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization',
  )
  return sent.length > 1 ? sent.join(', ') : headers.authorization
}

const presentedBy = (request: Incoming): PresentedRequest => ({
  authorization: authorizationOf(request),
  proof: request.headers.dpop?.toString(),
  method: request.method ?? '',
  path: (request.originalUrl ?? request.url ?? '').split('?', 1).join(),
})

const judgeMetadata = (served: ResourceMetadata, { method, url }: Incoming) =>
  answerMetadata(served, { method, path: url?.split('?', 1).join() })

const serve = (served: ResourceMetadata, request: Incoming, response: Outgoing): boolean => {
  const answer = judgeMetadata(served, request)
  if (answer !== null) send(response, answer)
  return answer !== null
}

const send = (response: Outgoing, { status, headers, body }: Answer | MetadataAnswer) => {
  response.writeHead(status, {
    ...headers,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
  })
  response.end(body === undefined ? '' : JSON.stringify(body))
}
