/** signetd/verify on any runtime with Web Crypto. On Node the export conditions lead to verify-node.ts. */
import { webEngine } from './verify/engine-web.ts'
import { verifierOn } from './verify/verifier.ts'

/** RFC 9068 §4 – A verifier of the access tokens of one issuer. Throws a TypeError for an invalid option. */
export const createVerifier = verifierOn(webEngine, null)

export * from './verify/public.ts'
