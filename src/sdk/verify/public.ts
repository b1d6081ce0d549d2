/** What every entry of the library offers beside its own `create…`. */
export type { Claims } from './claims.ts'
export type { VerifierOptions } from './options.ts'
export type { Fetch } from './remote-json.ts'
export { authentication, type Requirement, resource, role, type Shortfall, scope } from './requirements.ts'
export type { ResourceMetadata, ResourceOptions } from './resource-metadata.ts'
export type { RevocationKnowledge, RevocationQuery, RevocationSource, Standing } from './revocation-source.ts'
export { TokenError, type TokenErrorCode } from './token-error.ts'
export type { Verified, Verifier } from './verifier.ts'
