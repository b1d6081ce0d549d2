import type { Context, HonoRequest, MiddlewareHandler } from 'hono'
import type { VerifierOptions } from '../verify/options.ts'
import type { PresentedRequest } from '../verify/presented.ts'
import type { Requirement } from '../verify/requirements.ts'
import { answerMetadata, type MetadataAnswer, metadataOf } from '../verify/resource-metadata.ts'
import { type Answer, answerFor, TokenError } from '../verify/token-error.ts'
import type { Verifier } from '../verify/verifier.ts'
import { createAuthenticate } from './authenticate.ts'
import type { Authenticated, OldSessions } from './old-sessions.ts'

/** The variables of a protected handler: `c.var.auth.claims`. */
export type AuthEnv = { Variables: { auth: Authenticated } }

export type HonoProtect = {
  /** Middleware: a request without a genuine token that meets every requirement is refused, unless it has a session that is still taken. */
  (...requirements: readonly Requirement[]): MiddlewareHandler<AuthEnv>
  readonly verifier: Verifier
  /** RFC 9728 – Middleware that serves the metadata of this resource, at its own path and at the root, to any origin. Throws without the option `resource`. */
  metadata(): MiddlewareHandler
}

/** RFC 6750 §3 – Middleware for Hono, from a verifier or from the options for one. `sessions`: for an application that moves to tokens. */
export const honoProtectOn =
  (createVerifier: (options: VerifierOptions) => Verifier) =>
  (given: VerifierOptions | Verifier, sessions?: OldSessions<Context>): HonoProtect => {
    const verifier = 'verify' in given ? given : createVerifier(given)
    const authenticate = createAuthenticate(verifier, sessions)

    const protect =
      (...requirements: readonly Requirement[]): MiddlewareHandler<AuthEnv> =>
      async (c, next) => {
        try {
          c.set('auth', await authenticate({ presented: presentedBy(c.req), request: c, requirements }))
        } catch (error) {
          if (!(error instanceof TokenError)) throw error
          return respond(answerFor(error))
        }
        return next()
      }

    const metadata = (): MiddlewareHandler => {
      const served = metadataOf(verifier)
      return async (c, next) => {
        const answer = answerMetadata(served, c.req)
        return answer === null ? next() : respond(answer)
      }
    }

    return Object.assign(protect, { verifier, metadata })
  }

const presentedBy = (request: HonoRequest): PresentedRequest => ({
  authorization: request.header('Authorization'),
  proof: request.header('DPoP'),
  method: request.method,
  path: new URL(request.url).pathname,
})

const respond = ({ status, headers, body }: Answer | MetadataAnswer) =>
  body === undefined ? new Response(null, { status, headers }) : Response.json(body, { status, headers })
