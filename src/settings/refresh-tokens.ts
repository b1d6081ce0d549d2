import { REFRESH_TOKEN_VERSION_MAX } from '../domain/sign-in/refresh-token.ts'
import { integer } from './schemas.ts'
import type { Setting } from './setting.ts'

/** How long refresh tokens live, and the version in which they are issued. */
export const REFRESH_TOKEN_SETTINGS = {
  REFRESH_TOKEN_IDLE_SECONDS: {
    ...integer({ standard: 604_800, least: 1, most: 31_536_000 }),
    help: 'Seconds within which a refresh token has to be used. Each refresh begins them anew, up to `REFRESH_TOKEN_MAX_SECONDS` in all.',
  },
  REFRESH_TOKEN_MAX_SECONDS: {
    ...integer({ standard: 2_592_000, least: 1, most: 31_536_000 }),
    help: 'Seconds that a sign-in lasts, however often it is refreshed. Never extended.',
  },
  REFRESH_TOKEN_VERSION: {
    ...integer({ standard: 1, least: 1, most: REFRESH_TOKEN_VERSION_MAX }),
    help: 'Version of the refresh tokens of new sign-ins: `2` names the person beside the sign-in, which a distributed database needs. Only once every server reads it: the release before this one refuses it.',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>
