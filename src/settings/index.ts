import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { SIGN_UP_MODES } from '../domain/account/invitation.ts'
import { FORWARDED_HEADERS, type ForwardedHeader } from '../domain/base/forwarded-header.ts'
import { DEFAULT_SCHEMA } from '../domain/base/postgres-url.ts'
import { BRAND_SETTINGS } from './brand.ts'
import { CLIENT_SETTINGS } from './clients.ts'
import { CONSOLE_SETTINGS } from './console.ts'
import { EVENT_SETTINGS } from './events.ts'
import { HOOK_SETTINGS } from './hooks.ts'
import { LIMIT_SETTINGS } from './limits.ts'
import { MAIL_SETTINGS } from './mail.ts'
import { PROCESS_SETTINGS } from './process.ts'
import { REFRESH_TOKEN_SETTINGS } from './refresh-tokens.ts'
import { ROLE_SETTINGS } from './roles.ts'
import {
  addressRanges,
  integer,
  isOrigin,
  list,
  oneOf,
  optionalPath,
  parsed,
  parsePeppers,
  postgresUrl,
  quote,
  redisPrefix,
  redisUrl,
  refuse,
  text,
} from './schemas.ts'
import type { Setting } from './setting.ts'
import { TELEMETRY_SETTINGS } from './telemetry.ts'

const WORKERS_BY_DEFAULT = 4

/** Every setting: its environment variable, what it may hold, and what docs/configuration.md says of it. */
export const SETTINGS = {
  PORT: {
    ...integer({ standard: 8080, least: 1, most: 65_535 }),
    help: 'Port of the public listener.',
  },
  HOST: {
    ...text('127.0.0.1'),
    help: 'Address of the public listener. The container image sets `0.0.0.0`.',
  },
  INTERNAL_PORT: {
    ...parsed('9090', (value, context) => {
      if (value === 'off') return null
      if (/^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535) return Number(value)
      return refuse(context, `must be a port from 1 to 65535, or off, not ${quote(value)}`)
    }),
    help: 'Port of the internal listener (metrics); `off` disables it. Never expose it publicly.',
  },
  INTERNAL_HOST: {
    ...text('127.0.0.1'),
    help: 'Address of the internal listener. In a container bind it to the network of the scraper, not to the ingress.',
  },
  ...CONSOLE_SETTINGS,
  ISSUER: {
    schema: z.string().optional(),
    standard: '`http://localhost:$PORT`',
    help: 'The issuer, exactly as clients compare it: an origin without a trailing slash. https unless its host is loopback. Required when `HOST` is not loopback.',
  },
  DATABASE_URL: {
    schema: postgresUrl,
    standard: 'unset: embedded',
    help: '`postgres://…`. Unset: a Postgres in this process, kept under `DATA_DIR`, for trying Signet out and for development.',
    isSecret: true,
  },
  DATABASE_SCHEMA: {
    ...parsed(DEFAULT_SCHEMA, (value, context) =>
      /^(?!pg_|information_schema$|drizzle$)[a-z_][\w$-]{0,62}$/i.test(value)
        ? value
        : refuse(
            context,
            'must be the name of a schema, and not drizzle: a letter, then letters, digits, _, $ or -, 63 at most',
          ),
    ),
    help: 'The schema of every table, for a database that other applications use too. `signetd migrate` creates the schema where it is missing. Without effect on the embedded database.',
  },
  DATABASE_POOL_SIZE: {
    ...integer({ standard: 10, least: 1, most: 200 }),
    help: 'Connections to Postgres, at most; up to four more while Postgres hangs. The embedded database always has exactly one.',
  },
  DATA_DIR: {
    ...parsed('./data', path => resolve(path)),
    help: 'The embedded database and generated local secrets; made with mode 0700 (2770 is taken where group 0 owns it). Refused when it belongs to neither this user nor root.',
  },
  REDIS_URL: {
    schema: redisUrl,
    standard: 'unset: in process',
    help: '`redis://…` or `rediss://…` (TLS), with the number of a database or without; `redis+unix://…`, `redis+sentinel://…` or `redis+cluster://…` ([redis.md](redis.md)). Limits and the blocklist that several instances share.',
    isSecret: true,
  },
  REDIS_PREFIX: {
    schema: redisPrefix,
    standard: '`signet:$ISSUER:`',
    help: 'The prefix of every key in Redis, so that several deployments can share one Redis; in a cluster it stands between braces. 1–100 letters, digits or `.:/@_-`.',
  },
  KEYS_DIR: {
    ...parsed('./keys', path => resolve(path)),
    help: 'Signing keys, one directory for all replicas. Refused when others (not the group) can read it, or when it belongs to neither this user nor root. On a read-only mount keys are rotated by hand.',
  },
  KEY_ROTATION_DAYS: {
    ...integer({ standard: 30, least: 1, most: 365 }),
    help: 'Days that a key signs before one of the replicas announces the next key.',
  },
  CLIENTS_FILE: {
    schema: optionalPath,
    standard: 'unset',
    help: 'JSON array of clients in the names of RFC 7591. Read at start and again on SIGHUP. See docs/clients.md.',
  },
  SCOPES_FILE: {
    schema: optionalPath,
    standard: 'unset: a scope is shown as it is',
    help: 'JSON object: each scope with what people are told of it, and whether they may leave it out. Read at start and again on SIGHUP. See docs/sign-in-to-applications.md.',
  },
  UPSTREAMS_FILE: {
    schema: optionalPath,
    standard: 'unset: people sign in here alone',
    help: 'JSON array of providers at which people may sign in: OpenID Connect, or GitHub. Read at start and again on SIGHUP. See docs/upstream-sign-in.md.',
  },
  ACCESS_TOKEN_TTL_SECONDS: {
    ...integer({ standard: 900, least: 1, most: 86_400 }),
    help: 'Seconds that an access token is valid.',
  },
  ...REFRESH_TOKEN_SETTINGS,
  SIGN_UP: {
    ...oneOf('open', SIGN_UP_MODES),
    help: 'Who may open an account, on the pages and by `POST /auth/register`: `open` to every person, `invited` to people to whom `signetd accounts invite` has mailed a link, `closed` to all.',
  },
  REQUIRE_PUSHED_AUTHORIZATION_REQUESTS: {
    ...oneOf('off', ['off', 'on']),
    help: '`on`: every client pushes its authorization requests to `/par` first (RFC 9126). `require_pushed_authorization_requests` asks it of one client.',
  },
  ...CLIENT_SETTINGS,
  DPOP_NONCE: {
    ...oneOf('off', ['off', 'on']),
    help: '`on`: DPoP proofs need a nonce of the server (RFC 9449 §8), which each answer to a proof hands out.',
  },
  REFRESH_TOKEN_PEPPER: {
    schema: z.string().optional().transform(parsePeppers),
    standard: 'embedded: generated into `DATA_DIR`; else required',
    help: 'Key of the refresh tokens: base64url, 32 bytes or more. Several separated by commas, the newest first: the first issues, all of them verify.',
    isSecret: true,
  },
  SESSION_IDLE_SECONDS: {
    ...integer({ standard: 604_800, least: 1, most: 31_536_000 }),
    help: 'Seconds a browser session waits for its next request; slides with each, never past `SESSION_MAX_SECONDS`.',
  },
  SESSION_MAX_SECONDS: {
    ...integer({ standard: 2_592_000, least: 1, most: 31_536_000 }),
    help: 'Seconds a browser session lasts after its person has signed in, however often it is used.',
  },
  DEFAULT_AUDIENCE: {
    schema: z.string().optional(),
    standard: 'the issuer',
    help: '`aud` when neither the client nor the request names one. Counts as registered for clients that register no audience.',
  },
  PASSWORD_MIN_CHARACTERS: {
    ...integer({ standard: 8, least: 8, most: 64 }),
    help: 'Characters that a new password has at least. Its UTF-8 has 72 bytes at most in any case.',
  },
  PASSWORD_COST: {
    ...integer({ standard: 10, least: 10, most: 15 }),
    help: 'bcrypt cost of new password digests. Each step doubles the time of a sign-in.',
  },
  PASSWORD_IMPORT_PEPPER: {
    schema: z
      .string()
      .optional()
      .transform(pepper => pepper ?? null),
    standard: 'unset',
    help: 'What a former provider appended to each password before bcrypt, such as the `pepper` of Devise. For imported digests that begin with `pepper:`. See docs/accounts.md.',
    isSecret: true,
  },
  PASSWORD_WORKERS: {
    ...integer({ standard: Math.min(WORKERS_BY_DEFAULT, availableParallelism()), least: 1, most: 64 }),
    standard: `as many as processors, ${WORKERS_BY_DEFAULT} at most`,
    help: 'Threads that check passwords, at most; each takes some megabytes while it works (docs/deploy.md).',
  },
  ...HOOK_SETTINGS,
  ...LIMIT_SETTINGS,
  ...EVENT_SETTINGS,
  ...ROLE_SETTINGS,
  PASSKEY_RP_ID: {
    schema: z
      .string()
      .optional()
      .transform((value, context) => {
        if (value === undefined) return null
        const isDomain = /^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/.test(
          value,
        )
        return isDomain ? value : refuse(context, `must be a domain such as example.com, not ${quote(value)}`)
      }),
    standard: 'the host of `ISSUER`',
    help: 'The domain of the passkeys: the host of every page that asks for a passkey, or a parent domain of it. Changing it voids every passkey.',
  },
  ...MAIL_SETTINGS,
  ...BRAND_SETTINGS,
  TRUSTED_PROXIES: {
    schema: addressRanges,
    standard: 'none',
    help: 'CIDR ranges of your proxies, separated by commas: the client’s address is believed from these alone, and from the one header that `TRUSTED_PROXY_HEADER` names. See docs/deploy.md.',
  },
  TRUSTED_PROXY_HEADER: {
    ...parsed('x-forwarded-for', (value, context): ForwardedHeader => {
      const name = FORWARDED_HEADERS.find(header => header === value.toLowerCase())
      return name ?? refuse(context, `must be ${FORWARDED_HEADERS.join(' or ')}, not ${quote(value)}`)
    }),
    help: 'The header in which those proxies append the client’s address: `x-forwarded-for` or `forwarded` (RFC 7239). The other one is never read.',
  },
  OUTBOUND_ALLOW: {
    schema: addressRanges.transform((ranges, context) =>
      ranges.some(([, bits]) => bits === 0)
        ? refuse(context, 'must not name every address: leave /0 out, public addresses need no entry')
        : ranges,
    ),
    standard: 'none',
    help: 'CIDR ranges separated by commas: internal addresses that Signet may call, over http too, such as those of your own applications for back-channel logout. Every other internal address is refused, and public ones are called by https alone.',
  },
  CORS_ORIGINS: {
    schema: list.transform((origins, context) => {
      const wrong = origins.find(origin => !isOrigin(origin))
      return wrong === undefined
        ? origins
        : refuse(
            context,
            `must be a list of origins such as https://app.example, separated by commas; ${quote(wrong)} is not an origin`,
          )
    }),
    standard: 'none',
    help: 'Browser origins that may call the account API, with cookies, separated by commas, beside those of first-party clients’ redirect URIs. The OAuth endpoints answer any origin, without credentials.',
  },
  ...TELEMETRY_SETTINGS,
  ...PROCESS_SETTINGS,
} as const satisfies Record<string, Setting<unknown>>

export type Name = keyof typeof SETTINGS
export type Settings = { readonly [N in Name]: z.output<(typeof SETTINGS)[N]['schema']> }
