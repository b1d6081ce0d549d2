import type { AccessTokenClaims, PresentedToken } from '../../domain/oauth/access-token.ts'
import type { ProofFault } from '../../domain/oauth/dpop-proof.ts'
import type { JudgeProof } from '../../grants/dpop.ts'

/** Where and how an access token was presented. */
export type Presenting = Readonly<{
  presented: PresentedToken
  claims: Pick<AccessTokenClaims, 'cnf'>
  /** The header `DPoP`. */
  proof: string | undefined
  method: string
  path: string
}>

/** Why a token is refused to its sender. `fault` says what is wrong with the proof. */
export type SenderRefusal =
  | Readonly<{ refusal: 'token_bound' | 'token_not_bound' | 'token_of_another_key' }>
  | Readonly<{ refusal: 'token_proof_invalid' | 'token_nonce_needed'; fault: ProofFault }>

/**
 * RFC 9449 §7.1, §7.2 – Judges whether the sender of a token holds the key that the token is bound to. A bound token is no bearer token,
 * and a bearer token comes with no proof. Null: the sender may use the token. A proof is spent by it.
 */
export type JudgeSender = (presenting: Presenting) => Promise<SenderRefusal | null>

export const createJudgeSender =
  (judgeProof: JudgeProof): JudgeSender =>
  async ({ presented: { scheme, token }, claims: { cnf }, proof, method, path }) => {
    if (scheme === 'bearer') return cnf === undefined ? null : { refusal: 'token_bound' }
    if (cnf === undefined) return { refusal: 'token_not_bound' }
    if (proof === undefined) return { refusal: 'token_proof_invalid', fault: 'malformed' }
    const judged = await judgeProof({ proof, method, path, access_token: token })
    if ('jkt' in judged) return judged.jkt === cnf.jkt ? null : { refusal: 'token_of_another_key' }
    const { fault } = judged
    return { refusal: fault === 'nonce_wrong' ? 'token_nonce_needed' : 'token_proof_invalid', fault }
  }
