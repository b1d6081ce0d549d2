import { type Claims, judgeClaims, judgeTimes, parseClaims } from './claims.ts'
import type { Engine } from './engine.ts'
import { createJwsReader, type Reading } from './jws-reader.ts'
import { createKeySet, type IssuerKey } from './key-set.ts'
import { parseOptions, type VerifierOptions, type VerifierSettings } from './options.ts'
import {
  type CreateProofJudge,
  createJudgeBinding,
  credentialsOf,
  type PresentedRequest,
} from './presented.ts'
import { type Requirement, scopeNeeded } from './requirements.ts'
import type { ResourceMetadata } from './resource-metadata.ts'
import { askAbout, type RevocationKnowledge } from './revocation-source.ts'
import { createTokenCache } from './token-cache.ts'
import { type ChallengeParameters, REFUSALS, TokenError, type TokenErrorCode } from './token-error.ts'

/** A genuine token, and what was known about its revocation when it was accepted. */
export type Verified = Readonly<{ claims: Claims; revocation: RevocationKnowledge }>

export type Verifier = Readonly<{
  /** RFC 9068 §4 – Rejects, only with TokenError, unless the token is genuine, live and for this service, and meets every requirement. */
  verify(token: string, ...requirements: readonly Requirement[]): Promise<Verified>
  /**
   * RFC 6750 §2.1, RFC 9449 §7.1 – The same for the value of an Authorization header, or for a request: a token that is bound to a key is
   * taken from a request alone, with a DPoP proof.
   */
  authenticate(
    request: string | null | undefined | PresentedRequest,
    ...requirements: readonly Requirement[]
  ): Promise<Verified>
  /** Fetches the issuer's keys ahead of the first token. Rejects with TokenError `keys_unavailable`. */
  ready(): Promise<void>
  /** RFC 9728 – The metadata document and its URL; null without the option `resource`. */
  metadata: ResourceMetadata | null
}>

type Genuine<Key> = Readonly<{ claims: Claims; key: IssuerKey<Key> }>

/** What a refusal is told with. */
type Told = Readonly<{
  requirements?: readonly Requirement[]
  parameters?: ChallengeParameters
  cause?: unknown
}>

/** RFC 6750 §3 – A token that is to be got, or to be got anew, is asked for with these scopes. */
const namesScope = (code: TokenErrorCode): boolean =>
  code === 'token_missing' || code === 'scope_insufficient' || REFUSALS[code][1] === 'invalid_token'

const createRefusal = ({ metadata, dpop }: VerifierSettings, isDpopTaken: boolean) => {
  const common: ChallengeParameters = metadata === null ? {} : { resource_metadata: metadata.url }
  const offer = { isDpopTaken, isDpopOffered: isDpopTaken && dpop?.isOffered === true }
  return (code: TokenErrorCode, { requirements = [], parameters, cause }: Told = {}): TokenError => {
    const scope = namesScope(code) ? scopeNeeded(requirements) : {}
    return new TokenError(code, { ...scope, ...parameters, ...common }, { cause, ...offer })
  }
}

/** RFC 9068 §4, RFC 8725 – The verifier on a runtime's own cryptography. Throws a TypeError for an invalid option. */
export const verifierOn =
  <Key>(engine: Engine<Key>, createProofJudge: CreateProofJudge | null) =>
  (options: VerifierOptions): Verifier => {
    const settings = parseOptions(options)
    const keys = createKeySet(engine, settings)
    const read = createJwsReader(engine, keys, 'at+jwt')
    const seen = createTokenCache<Genuine<Key>>(settings.cache_size)
    const isDpopTaken = settings.dpop !== null && createProofJudge !== null
    const refusal = createRefusal(settings, isDpopTaken)
    const judgeBinding = createJudgeBinding(settings.dpop, createProofJudge)

    const judge = (reading: Reading<Key>, requirements: readonly Requirement[]): Genuine<Key> => {
      if ('refusal' in reading) throw refusal(reading.refusal, { requirements, cause: reading.cause })
      const claims = parseClaims(reading.payload)
      if (claims === null) throw refusal('claims_invalid', { requirements })
      const fault = judgeClaims(claims, settings)
      if (fault !== null) throw refusal(fault, { requirements })
      return { claims, key: reading.key }
    }

    /** `request` is null where the token is presented as it is. */
    const admit = async (
      token: string,
      request: PresentedRequest | null,
      requirements: readonly Requirement[],
    ): Promise<Verified> => {
      if (typeof token !== 'string') throw refusal('token_malformed', { requirements })
      const now = settings.now()
      const known = seen.find(token)
      const isKnown = known !== undefined && keys.peek(known.key.jwk.kid) === known.key
      const genuine = isKnown ? known : judge(await read(token), requirements)
      const { claims } = genuine
      const fault = judgeTimes(claims, now, settings.clock_tolerance_seconds)
      if (fault !== null) throw refusal(fault, { requirements })
      if (!isKnown) seen.add(token, genuine)
      const unbound = judgeBinding({ claims, token, request }, now)
      const misuse = unbound instanceof Promise ? await unbound : unbound
      if (misuse !== null)
        throw refusal(misuse.code, { requirements, cause: misuse.fault }).withNonce(misuse.nonce)
      const answer = askAbout(claims, settings.revocations)
      const revocation = typeof answer === 'string' ? answer : await answer
      if (revocation === 'revoked') throw refusal('token_revoked', { requirements })
      if (revocation === 'stale' && settings.onStale === 'refuse') throw refusal('revocations_stale')
      for (const requirement of requirements) {
        const shortfall = requirement(claims, now)
        if (shortfall !== null) throw refusal(shortfall.code, { ...shortfall, requirements })
      }
      return { claims, revocation: revocation === 'partial' ? 'stale' : revocation }
    }

    return {
      verify: (token, ...requirements) => admit(token, null, requirements),
      authenticate: async (given, ...requirements) => {
        const request = typeof given === 'object' ? given : null
        const presented = credentialsOf(typeof given === 'object' ? given?.authorization : given)
        if ('refusal' in presented) throw refusal(presented.refusal, { requirements })
        const isProved = presented.scheme === 'dpop'
        if (isProved && (request === null || !isDpopTaken)) throw refusal('token_missing', { requirements })
        return admit(presented.token, isProved ? request : null, requirements)
      },
      ready: () =>
        keys.load().catch((cause: unknown) => Promise.reject(refusal('keys_unavailable', { cause }))),
      metadata: settings.metadata,
    }
  }
