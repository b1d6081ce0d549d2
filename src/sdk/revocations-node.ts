/** signetd/revocations on Node. */

import { followOn } from './feed/follow.ts'
import { nodeEngine } from './verify/engine-node.ts'

/** `createVerifier({ issuer, audience, revocations: followRevocations({ issuer }) })`. Throws a TypeError for an invalid option. */
export const followRevocations = followOn(nodeEngine)

export type { Following, FollowState } from './feed/follow.ts'
export type { FollowOptions } from './feed/follow-options.ts'
export type { Fetch } from './verify/remote-json.ts'
export type { RevocationQuery, RevocationSource, Standing } from './verify/revocation-source.ts'
