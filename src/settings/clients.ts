import { z } from 'zod'
import { LONG_GRACE_SECONDS } from '../domain/oauth/client.ts'
import { isResource } from '../domain/oauth/resource.ts'
import { isServerScope, parseScope } from '../domain/oauth/scope.ts'
import { derivedInteger, oneOf, optionalPath, parsePeppers, quote, refuse } from './schemas.ts'
import type { Setting } from './setting.ts'

/** Commas or spaces between the items: a scope is written with spaces elsewhere, a list with commas. Null when unset. */
const words = z
  .string()
  .optional()
  .transform(value => value?.split(/[\s,]+/).filter(Boolean) ?? null)

/** The settings of clients that no operator has registered, and of those who vouch for people. */
export const CLIENT_SETTINGS = {
  CLIENT_ID_DOCUMENTS: {
    ...oneOf('off', ['off', 'on']),
    help: '`on`: an https URL is taken as `client_id`, and the document at that URL describes the client. See docs/agents.md.',
  },
  REGISTRATION: {
    ...oneOf('off', ['off', 'token', 'open']),
    help: 'Clients that register themselves at `/register`: `off`, with an initial access `token` of `signetd clients token`, or `open` to every program. `off` stops new ones only. See docs/agents.md.',
  },
  CLIENT_ID_KEYS: {
    schema: z.string().optional().transform(parsePeppers),
    standard: 'embedded: generated into `DATA_DIR`; else required unless `REGISTRATION` is off',
    help: 'Keys that seal the ids of clients that have registered themselves: base64url, 32 bytes or more. Several separated by commas, the newest first: the first seals, all of them open. Never drop one: the ids that it has sealed would die.',
    isSecret: true,
  },
  REGISTRATION_AUDIENCES: {
    schema: words.transform((audiences, context) => {
      const wrong = audiences?.find(each => !isResource(each))
      return wrong === undefined
        ? audiences
        : refuse(
            context,
            `must be a list of absolute URIs such as https://api.example.com/mcp, separated by commas; ${quote(wrong)} is not one`,
          )
    }),
    standard: '`DEFAULT_AUDIENCE`; none where that is the issuer',
    help: 'The audiences for which clients that no operator has registered may get tokens, separated by commas, the first by default. Never the issuer.',
  },
  REGISTRATION_SCOPES: {
    schema: words.transform((scopes, context) => {
      const wrong = scopes?.find(each => parseScope(each) === null || isServerScope(each))
      return wrong === undefined
        ? scopes
        : refuse(
            context,
            `must be a list of scopes, none of which begins with signet:, separated by commas or spaces; ${quote(wrong)} is not allowed`,
          )
    }),
    standard: 'the scopes of OpenID Connect and those of `SCOPES_FILE`',
    help: 'The scopes that such clients may ask for, separated by commas or spaces.',
  },
  ASSERTION_ISSUERS_FILE: {
    schema: optionalPath,
    standard: 'unset: no assertion is taken',
    help: 'JSON array of identity providers whose assertions are taken, and who may end the sign-ins of their people. Read at start and again on SIGHUP. See docs/assertions.md.',
  },
  DYNAMIC_CLIENT_GRACE_SECONDS: {
    ...derivedInteger({ least: 0, most: LONG_GRACE_SECONDS }),
    standard: `\`ACCESS_TOKEN_TTL_SECONDS\` and 900 more, ${LONG_GRACE_SECONDS} at most`,
    help: 'For how long the refresh tokens of public clients that no operator has registered are answered after they were superseded: the processes of an agent share one stored token. 0: each is good once. See docs/refresh-families.md.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
