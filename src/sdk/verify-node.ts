/** signetd/verify on Node. */
import { nodeEngine } from './verify/engine-node.ts'
import { verifierOn } from './verify/verifier.ts'

/** RFC 9068 §4 – A verifier of the access tokens of one issuer. Throws a TypeError for an invalid option. */
export const createVerifier = verifierOn(nodeEngine, null)

export * from './verify/public.ts'
