/** signetd/revocations on any runtime with Web Crypto. On Node the export conditions lead to revocations-node.ts. */
import { webEngine } from './engine-web.ts'
import { followOn } from './follow.ts'

/** `createVerifier({ issuer, audience, revocations: followRevocations({ issuer }) })`. Throws a TypeError when an option is at fault. */
export const followRevocations = followOn(webEngine)

export type { Following, FollowState } from './follow.ts'
export type { FollowOptions } from './follow-options.ts'
export type { Fetch } from './remote-json.ts'
export type { RevocationQuery, RevocationSource, Standing } from './revocation-source.ts'
