import type { Claims } from '../verify/claims.ts'
import { TokenError } from '../verify/token-error.ts'
import type { Verifier } from '../verify/verifier.ts'

/** The token of a request as the servers of `@modelcontextprotocol/sdk` know it: `request.auth`, and `extra.authInfo` in a tool. */
export type AuthInfo = {
  token: string
  clientId: string
  scopes: string[]
  /** Seconds since 1970. */
  expiresAt: number
  /** The audience of the token, where there is one and it is a URL. */
  resource?: URL
  /** `claims`: those of the token. */
  extra: { claims: Claims }
}

export const authInfoFrom = (token: string, claims: Claims): AuthInfo => {
  const [audience, ...others] = [claims.aud].flat()
  const hasResource = audience !== undefined && others.length === 0 && URL.canParse(audience)
  return {
    token,
    clientId: claims.client_id,
    scopes: (claims.scope ?? '').split(' ').filter(scope => scope !== ''),
    expiresAt: claims.exp,
    ...(hasResource ? { resource: new URL(audience) } : {}),
    extra: { claims },
  }
}

/**
 * The `verifier` of `requireBearerAuth` in `@modelcontextprotocol/sdk`, whose `InvalidTokenError` it needs, because every
 * other error of a bad token would be answered as a fault of the server.
 */
export const createMcpVerifier = (
  verifier: Pick<Verifier, 'verify'>,
  InvalidTokenError: new (message: string) => Error,
): Readonly<{ verifyAccessToken(token: string): Promise<AuthInfo> }> => ({
  verifyAccessToken: async token => {
    try {
      return authInfoFrom(token, (await verifier.verify(token)).claims)
    } catch (error) {
      if (error instanceof TokenError && error.status === 401) throw new InvalidTokenError(error.message)
      throw error
    }
  },
})
