/** signetd/revocations on any runtime with Web Crypto. On Node the export conditions lead to revocations-node.ts. */

import { followOn } from './feed/follow.ts'
import { webEngine } from './verify/engine-web.ts'

/** `createVerifier({ issuer, audience, revocations: followRevocations({ issuer }) })`. Throws a TypeError for an invalid option. */
export const followRevocations = followOn(webEngine)

export type { Following, FollowState } from './feed/follow.ts'
export type { FollowOptions } from './feed/follow-options.ts'
export type { Fetch } from './verify/remote-json.ts'
export type { RevocationQuery, RevocationSource, Standing } from './verify/revocation-source.ts'
