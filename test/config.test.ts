import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig, readSettings, traceOptionsOf } from '../src/config.ts'
import { paletteOf } from '../src/domain/base/palette.ts'
import { type Name, SETTINGS } from '../src/settings/index.ts'
import { PEPPER } from './support/clients.ts'

const POSTGRES = 'postgres://signet:hidden@db.example/signet'

const faultsOf = (environment: Record<string, string>): readonly string[] => {
  const reading = readConfig(environment)
  return 'faults' in reading ? reading.faults : []
}
const configOf = (environment: Record<string, string>) => {
  const reading = readConfig(environment)
  if ('faults' in reading) throw new Error(reading.faults.join('\n'))
  return reading.config
}

describe('configuration', () => {
  it('has the defaults of its page', () => {
    expect(configOf({})).toEqual({
      PORT: 8080,
      HOST: '127.0.0.1',
      INTERNAL_PORT: 9090,
      INTERNAL_HOST: '127.0.0.1',
      CONSOLE_URL: 'http://127.0.0.1:9090',
      ISSUER: 'http://localhost:8080',
      DATABASE_URL: null,
      DATABASE_SCHEMA: 'public',
      DATABASE_POOL_SIZE: 10,
      DATA_DIR: resolve('data'),
      REDIS_URL: null,
      REDIS_PREFIX: 'signet:http://localhost:8080:',
      KEYS_DIR: resolve('keys'),
      KEY_ROTATION_DAYS: 30,
      CLIENTS_FILE: null,
      ACCESS_TOKEN_TTL_SECONDS: 900,
      REFRESH_TOKEN_IDLE_SECONDS: 604_800,
      REFRESH_TOKEN_MAX_SECONDS: 2_592_000,
      REFRESH_TOKEN_PEPPER: null,
      REFRESH_TOKEN_VERSION: 1,
      SESSION_IDLE_SECONDS: 604_800,
      SESSION_MAX_SECONDS: 2_592_000,
      EVENT_RETENTION_DAYS: 400,
      DEFAULT_AUDIENCE: 'http://localhost:8080',
      PASSWORD_MIN_CHARACTERS: 8,
      PASSWORD_COST: 10,
      PASSWORD_IMPORT_PEPPER: null,
      PASSWORD_HOOK_URL: null,
      PASSWORD_HOOK_UNTIL: null,
      PASSWORD_HOOK_FOR: 'imported',
      SESSION_VERIFIER_URL: null,
      CLAIMS_HOOK_URL: null,
      CLAIMS_HOOK_ON_FAILURE: 'refuse',
      CLAIMS_HOOK_CACHE_SECONDS: 60,
      EVENTS_WEBHOOK_URL: null,
      PASSWORD_WORKERS: Math.min(4, availableParallelism()),
      RATE_LIMIT_LOGIN: { count: 5, window_seconds: 60 },
      RATE_LIMIT_ACCOUNTS: { count: 100, window_seconds: 60 },
      RATE_LIMIT_REGISTER: { count: 50, window_seconds: 60 },
      RATE_LIMIT_REFRESH: { count: 300, window_seconds: 60 },
      RATE_LIMIT_REVOKE: { count: 60, window_seconds: 60 },
      RATE_LIMIT_PUSHED_REQUESTS: { count: 60, window_seconds: 60 },
      RATE_LIMIT_CLIENT_DOCUMENTS: { count: 30, window_seconds: 60 },
      CLIENT_ID_DOCUMENTS: 'off',
      REGISTRATION: 'off',
      CLIENT_ID_KEYS: null,
      REGISTRATION_AUDIENCES: null,
      REGISTRATION_SCOPES: null,
      DYNAMIC_CLIENT_GRACE_SECONDS: 1_800,
      DRAIN_SECONDS: 0,
      RATE_LIMIT_CLIENT_REGISTRATIONS: { count: 300, window_seconds: 60 },
      RATE_LIMIT_REGISTRATION_CHANGES: { count: 30, window_seconds: 60 },
      RATE_LIMIT_DEVICE_REQUESTS: { count: 60, window_seconds: 60 },
      RATE_LIMIT_USER_CODES: { count: 20, window_seconds: 600 },
      REQUIRE_PUSHED_AUTHORIZATION_REQUESTS: 'off',
      DPOP_NONCE: 'off',
      SCOPES_FILE: null,
      ASSERTION_ISSUERS_FILE: null,
      UPSTREAMS_FILE: null,
      SIGN_UP: 'open',
      RATE_LIMIT_PASSWORD: { count: 5, window_seconds: 60 },
      RATE_LIMIT_SECOND_FACTOR: { count: 10, window_seconds: 900 },
      SECOND_FACTOR_ROLES: [],
      PASSKEY_RP_ID: null,
      RATE_LIMIT_TOKEN_FAILURES: { count: 20, window_seconds: 60 },
      SMTP_URL: null,
      MAIL_FROM: null,
      MAIL_LINK_URL: null,
      INVITATION_SECONDS: 604_800,
      RATE_LIMIT_MAIL: { count: 5, window_seconds: 60 },
      RATE_LIMIT_RECIPIENT: { count: 5, window_seconds: 900 },
      BRAND_NAME: 'Signet',
      BRAND_LOGO_FILE: null,
      BRAND_COLOR: paletteOf('#3b5bdb'),
      TERMS_URL: null,
      PRIVACY_URL: null,
      SUPPORT_URL: null,
      TEMPLATES_DIR: null,
      TRUSTED_PROXIES: [],
      TRUSTED_PROXY_HEADER: 'x-forwarded-for',
      OUTBOUND_ALLOW: [],
      CORS_ORIGINS: [],
      OTEL_EXPORTER_OTLP_ENDPOINT: null,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: null,
      OTEL_SDK_DISABLED: false,
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: undefined,
      OTEL_EXPORTER_OTLP_HEADERS: {},
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: {},
      OTEL_EXPORTER_OTLP_TIMEOUT: 10_000,
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: undefined,
      OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
      OTEL_EXPORTER_OTLP_CERTIFICATE: null,
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: null,
      OTEL_EXPORTER_OTLP_CLIENT_KEY: null,
      OTEL_SERVICE_NAME: undefined,
      OTEL_RESOURCE_ATTRIBUTES: {},
      OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      OTEL_TRACES_SAMPLER_ARG: 1,
      OTEL_PROPAGATORS: ['tracecontext', 'baggage'],
      OTEL_BSP_SCHEDULE_DELAY: 5_000,
      OTEL_BSP_EXPORT_TIMEOUT: 30_000,
      OTEL_BSP_MAX_QUEUE_SIZE: 2_048,
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 512,
      LOG_LEVEL: 'info',
    })
  })

  it('is frozen', () => {
    expect(Object.isFrozen(configOf({}))).toBe(true)
  })

  it('counts an empty variable as unset, every one of them', () => {
    const empty = Object.fromEntries(Object.keys(SETTINGS).map(name => [name, '']))
    expect(configOf(empty)).toEqual(configOf({}))
  })

  const RATE: readonly [string[], string[]] = [
    ['off', '1/1', '5/60', '1000000/86400'],
    ['0/60', '5/0', '5', '5/60/1', '-1/60', '5 / 60', '5/60s', 'OFF', '99999999/1'],
  ]
  const PAGE: readonly [string[], string[]] = [
    ['https://acme.example/terms', 'mailto:help@acme.example', 'http://localhost:3000/help'],
    ['acme.example', 'http://acme.example/', 'javascript:alert(1)', 'data:text/html,x', '/terms'],
  ]
  const integer = (least: number, most: number): readonly [string[], string[]] => [
    [String(least), String(most)],
    [String(least - 1), String(most + 1), 'x', '1.5', '1e3', '0x10', ' 5', '-1', '9'.repeat(30)],
  ]
  const GOOD_AND_BAD = {
    PORT: integer(1, 65_535),
    HOST: [['127.0.0.1', '::1', 'localhost'], []],
    INTERNAL_PORT: [
      ['off', '1', '65535'],
      ['0', '65536', 'x', 'OFF', '-1', '1.5'],
    ],
    INTERNAL_HOST: [['0.0.0.0', '::'], []],
    CONSOLE_URL: [
      ['https://console.example.com', 'http://127.0.0.1:9090', 'http://localhost:9090', 'http://[::1]:1'],
      [
        'http://console.example.com',
        'https://console.example.com/',
        'https://a.example/console',
        'console',
        'https://*',
      ],
    ],
    ISSUER: [
      [
        'https://id.example.com',
        'https://id.example.com:8443',
        'http://localhost:1',
        'http://127.0.0.1',
        'http://127.9.9.9:81',
        'http://[::1]:8080',
      ],
      [
        'id.example.com',
        'http://id.example.com',
        'http://localhost.example.com',
        'http://127.0.0.1.example.com',
        'https://id.example.com/',
        'https://id.example.com/path',
        'https://id.example.com?x=1',
        'https://id.example.com#x',
        'https://ID.example.com',
        'https://id.example.com:443',
        'https://user@id.example.com',
        'ftp://id.example.com',
        'javascript:alert(1)',
        'https://',
      ],
    ],
    DATABASE_URL: [
      [
        POSTGRES,
        'postgresql://db/signet?sslmode=require',
        'postgres://signet:p%40ss@db1:5432,db2,[::1]:5433/signet',
        'postgres:///signet',
        // As secrets often come.
        `${POSTGRES}\n`,
        'postgres://db',
        'postgres://',
        'postgres://user@corp:p@ss@db/signet',
        'postgres://us%2Fer:%25%23%3F@db/my%20data%2Fbase',
        'postgres://%2Fvar%2Frun%2Fpostgresql/signet',
        'postgres:///signet?host=/var/run/postgresql&port=5433',
        'postgres://db/signet?sslmode=verify-full&channel_binding=prefer&application_name=id&connect_timeout=10',
        'postgres://db/signet?options=endpoint%3Dcool-river&sslmode=require',
        'postgres://db/signet?sslrootcert=system',
        'postgres://db/signet?ssl=true&prepare=false',
      ],
      [
        'mysql://db',
        'db.example',
        'POSTGRES',
        'http://db',
        'postgres://a,b/signet?target_session_attrs=read-write',
        'postgres://a:5432,b:99999/signet',
        'postgres://a:5432,b:0/signet',
        'postgres://a,,b/signet',
        'postgres://a:b:c/signet',
        'postgres://[::1/signet',
        'postgres://db/signet?sslmode=require&channel_binding=require',
        'postgres://db/signet?channel_binding=always',
        'postgres://user:100%@db/signet',
        'postgres://user:%zz@db/signet',
        'postgres://user:%ff@db/signet',
        'postgres://user%00database%00postgres@db/signet',
        'postgres://db/100%',
        'postgres://db/signet?application_name=%',
        'postgres://user:5432#x@db/signet',
        'postgres://user:5432/x@db/signet',
        'postgres://user:5432?x@db/signet',
        'postgres://db/signet#x',
        'postgres://db/signet/more',
        'postgres://db/signet?sslmode=verify',
        'postgres://db/signet?sslmode=',
        'postgres://db/signet?sslrootcert=/etc/ca.pem',
        'postgres://db/signet?sslrootcert=system&sslmode=require',
        'postgres://db/signet?sslcert=/etc/cert.pem',
        'postgres://db/signet?gssencmode=require',
        'postgres://db/signet?client_encoding=latin1',
        'postgres://db/signet?pgbouncer=true',
        'postgres://db/signet?schema=other',
        'postgres://db/signet?search_path=other',
        'postgres://db/signet?statement_timeout=0',
        'postgres://db/signet?constructor=x',
        'postgres://db/signet?prepare=no',
        'host=db dbname=signet',
      ],
    ],
    DATABASE_SCHEMA: [
      ['public', 'signet', 'Sig-net_2$'],
      ['pg_catalog', 'information_schema', 'a.b', '2a', 'a"b', 'a b', 'x'.repeat(64)],
    ],
    DATABASE_POOL_SIZE: integer(1, 200),
    DATA_DIR: [['/var/lib/signet', './elsewhere'], []],
    REDIS_URL: [
      [
        'redis://cache',
        'redis://cache/',
        'rediss://:secret@cache:6380/1',
        'redis://u:a%25b@cache/15?family=6',
        'redis://[::1]:6379',
        'redis+unix:///run/redis.sock',
        'redis+sentinel://s1,s2/mymaster',
        'rediss+cluster://n1:7000',
      ],
      [
        'http://cache',
        'cache:6379',
        'cache',
        'redis://host/cache',
        'redis://cache/-1',
        'redis://cache/1.5',
        'redis://cache/0x1',
        'redis://cache/1/2',
        'redis://cache/123456',
        'redis://cache/%31',
        'redis://cache?db=cache',
        'redis://cache/0?enableOfflineQueue=yes',
        'redis://cache/0#1',
        'redis://:%@cache',
        'redis://a%zz:b@cache',
        'redis://one,two',
        'redis+sentinel://s1',
        'redis+cluster://n1/1',
      ],
    ],
    REDIS_PREFIX: [
      ['a', 'signet:', 'tenant-1/signet_2:', 'x'.repeat(100)],
      [' ', 'a b', 'a*', 'a{b}', 'é', 'x'.repeat(101)],
    ],
    KEYS_DIR: [['/run/keys'], []],
    CLIENTS_FILE: [['/etc/signet/clients.json'], []],
    SCOPES_FILE: [['/etc/signet/scopes.json'], []],
    ASSERTION_ISSUERS_FILE: [['/etc/signet/issuers.json'], []],
    UPSTREAMS_FILE: [['/etc/signet/upstreams.json'], []],
    ACCESS_TOKEN_TTL_SECONDS: integer(1, 86_400),
    REFRESH_TOKEN_IDLE_SECONDS: [
      ['1', '2592001', '31536000'],
      ['0', '31536001', 'x'],
    ],
    REFRESH_TOKEN_MAX_SECONDS: [
      ['1', '31536000'],
      ['0', '31536001', 'x'],
    ],
    REFRESH_TOKEN_PEPPER: [
      [PEPPER, `${PEPPER}=`, `${PEPPER}, ${Buffer.alloc(48, 'other').toString('base64url')}`],
      [
        'short',
        Buffer.alloc(31).toString('base64url'),
        `${PEPPER},${PEPPER}`,
        `${PEPPER},`,
        `,${PEPPER}`,
        `${PEPPER}!`,
        Buffer.alloc(32, 0xfb).toString('base64'),
      ],
    ],
    KEY_ROTATION_DAYS: integer(1, 365),
    REFRESH_TOKEN_VERSION: integer(1, 2),
    SESSION_IDLE_SECONDS: integer(1, 31_536_000),
    SIGN_UP: [
      ['open', 'invited', 'closed'],
      ['no', 'OPEN'],
    ],
    SESSION_MAX_SECONDS: integer(1, 31_536_000),
    EVENT_RETENTION_DAYS: integer(1, 3_650),
    INVITATION_SECONDS: integer(60, 2_592_000),
    DEFAULT_AUDIENCE: [['https://api.example', 'api'], []],
    PASSWORD_MIN_CHARACTERS: integer(8, 64),
    PASSWORD_COST: integer(10, 15),
    PASSWORD_WORKERS: integer(1, 64),
    PASSWORD_IMPORT_PEPPER: [['a pepper', 'x'], []],
    PASSWORD_HOOK_URL: [
      ['https://old.example/verify'],
      ['old.example', 'ftp://old.example/', 'javascript:alert(1)'],
    ],
    PASSWORD_HOOK_UNTIL: [
      ['2027-03-31', '2028-02-29T22:00Z', '2027-03-31T22:00:00Z'],
      ['never', '2027-02-30', '2027-13-01', '2027-03-31T22:00:00', '2027-03-31T22:00:00+02:00'],
    ],
    PASSWORD_HOOK_FOR: [['imported', 'everyone'], ['all']],
    SESSION_VERIFIER_URL: [
      ['https://app.example/session'],
      ['app.example', 'ftp://app.example/', 'http://10.0.0.5/session'],
    ],
    CLAIMS_HOOK_URL: [
      ['https://app.example/claims'],
      ['app.example', 'ftp://app.example/', 'http://10.0.0.5/claims'],
    ],
    CLAIMS_HOOK_ON_FAILURE: [['refuse', 'without'], ['ignore']],
    CLAIMS_HOOK_CACHE_SECONDS: [
      ['0', '3600'],
      ['-1', '3601', 'x'],
    ],
    EVENTS_WEBHOOK_URL: [
      ['https://siem.example/events'],
      ['siem.example', 'ftp://siem.example/', 'http://10.0.0.5/events'],
    ],
    RATE_LIMIT_LOGIN: RATE,
    RATE_LIMIT_ACCOUNTS: RATE,
    RATE_LIMIT_REGISTER: RATE,
    RATE_LIMIT_REFRESH: RATE,
    RATE_LIMIT_REVOKE: RATE,
    RATE_LIMIT_PUSHED_REQUESTS: RATE,
    RATE_LIMIT_CLIENT_DOCUMENTS: RATE,
    CLIENT_ID_DOCUMENTS: [
      ['on', 'off'],
      ['true', 'ON'],
    ],
    REGISTRATION: [
      ['off', 'token', 'open'],
      ['on', 'OPEN', 'true'],
    ],
    CLIENT_ID_KEYS: [
      [PEPPER, `${PEPPER},${Buffer.alloc(32, 'other').toString('base64url')}`],
      ['short', `${PEPPER},${PEPPER}`],
    ],
    REGISTRATION_AUDIENCES: [
      ['https://api.example/mcp', 'https://a.example, urn:b', 'https://a.example https://b.example'],
      ['api', 'https://api.example/#part', 'http://localhost:8080'],
    ],
    REGISTRATION_SCOPES: [
      ['openid read', 'openid,read', 'offline_access'],
      ['signet:admin', 'openid signet:accounts', '"'],
    ],
    RATE_LIMIT_CLIENT_REGISTRATIONS: RATE,
    RATE_LIMIT_REGISTRATION_CHANGES: RATE,
    RATE_LIMIT_DEVICE_REQUESTS: RATE,
    RATE_LIMIT_USER_CODES: RATE,
    DPOP_NONCE: [
      ['on', 'off'],
      ['true', 'ON', '1'],
    ],
    REQUIRE_PUSHED_AUTHORIZATION_REQUESTS: [
      ['on', 'off'],
      ['true', 'ON', '1'],
    ],
    RATE_LIMIT_PASSWORD: RATE,
    RATE_LIMIT_SECOND_FACTOR: RATE,
    SECOND_FACTOR_ROLES: [['admin', 'admin, support', 'none'], []],
    PASSKEY_RP_ID: [
      ['example.com', 'localhost', 'id.example.com', 'xn--bcher-kva.example'],
      [
        'https://example.com',
        'example.com.',
        '.example.com',
        'Example.com',
        'example.com:8080',
        '*.example.com',
        '-a.example',
      ],
    ],
    RATE_LIMIT_TOKEN_FAILURES: RATE,
    SMTP_URL: [
      [
        'smtps://user:p%40ss@mail.example',
        'smtp://mail.example:25?starttls=off',
        'smtp://mail.example/',
        'smtps://user%40corp:%25%23@[::1]:465',
      ],
      [
        'mail.example',
        'http://mail.example',
        'mail.example:25',
        'smtp://',
        'smtp://u:%zz@mail.example',
        'smtp://u:100%@mail.example',
        'smtp://u:%ff@mail.example',
        'smtp://u:%0d%0aQUIT@mail.example',
        'smtp://u:25#x@mail.example',
        'smtp://u:25/x@mail.example',
        'smtp://u:25?x@mail.example',
        'smtp://:secret@mail.example',
        'smtp://mail%20example',
        'smtp://mail.example:0',
        'smtp://mail.example:99999',
        'smtp://mail.example?starttls=of',
        'smtp://mail.example?tls=off',
      ],
    ],
    MAIL_FROM: [
      ['no-reply@id.example', 'Signet <No-Reply@id.example>', 'Ämter & Co. <a@b.example>'],
      [
        'Signet',
        'a@b.example, c@d.example',
        '"Signet" <a@b.example>',
        'Signet <a@b.example>\r\nBcc: c@d.example',
        'Signet\nX: <a@b.example>',
        'Signet <a@b>',
        '<a@b.example>',
      ],
    ],
    MAIL_LINK_URL: [
      ['https://app.example/account?from=mail', 'http://localhost:3000/', 'http://[::1]/x'],
      ['http://app.example/', 'app.example', 'https://app.example/#x', 'javascript:alert(1)'],
    ],
    RATE_LIMIT_MAIL: RATE,
    RATE_LIMIT_RECIPIENT: RATE,
    BRAND_NAME: [
      ['Acme', 'Müller & Söhne', '株式会社', 'x'.repeat(40)],
      ['<b>', 'two\nlines', 'x'.repeat(41), '\u202eemcA', ' '],
    ],
    BRAND_LOGO_FILE: [['logo.svg', '/etc/signet/logo'], []],
    BRAND_COLOR: [
      ['#3b5bdb', '#087F5B', '#000000'],
      ['#fff', 'blue', '#ffffff', '#ffd43b', '#3b5bdb;'],
    ],
    TERMS_URL: PAGE,
    PRIVACY_URL: PAGE,
    SUPPORT_URL: PAGE,
    TEMPLATES_DIR: [['words', '/etc/signet/words'], []],
    TRUSTED_PROXIES: [
      ['10.0.0.0/8', '10.0.0.1', '::1', '10.0.0.0/8, fd00::/8'],
      ['10.0.0.0/33', 'proxy', '10.0.0.0/8 fd00::/8', '*'],
    ],
    TRUSTED_PROXY_HEADER: [
      ['x-forwarded-for', 'forwarded', 'Forwarded', 'X-Forwarded-For'],
      ['x-real-ip', 'x-forwarded-for, forwarded', 'on'],
    ],
    OUTBOUND_ALLOW: [
      ['10.0.0.0/8', '127.0.0.1', '::1, fd00::/8', '64:ff9b::/96'],
      ['10.0.0.0/33', 'app.internal', '0.0.0.0/0', '10.0.0.0/8, ::/0', '*'],
    ],
    CORS_ORIGINS: [
      ['https://app.example', 'http://localhost:5173, https://app.example'],
      ['*', 'null', 'https://app.example/', 'app.example', 'https://*.example'],
    ],
    DYNAMIC_CLIENT_GRACE_SECONDS: [
      ['0', '60', '3600'],
      ['-1', '3601', '1h', '0.5'],
    ],
    OTEL_EXPORTER_OTLP_ENDPOINT: [
      ['http://localhost:4318', 'https://collector.example/base/'],
      [
        'localhost:4318',
        'grpc://localhost:4317',
        'https://me:hidden@collector.example',
        'https://a.example/?x',
      ],
    ],
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: [
      ['http://localhost:4318/v1/traces', 'https://collector.example/in?tenant=1'],
      ['collector', 'ftp://collector.example', 'https://me@collector.example'],
    ],
    OTEL_SDK_DISABLED: [
      ['true', 'True', 'false'],
      ['1', 'yes', 'off'],
    ],
    OTEL_TRACES_EXPORTER: [
      ['otlp', 'none', 'console', 'zipkin'],
      ['otlp,console', 'OTLP', 'file'],
    ],
    OTEL_EXPORTER_OTLP_PROTOCOL: [
      ['http/json', 'http/protobuf', 'grpc'],
      ['http', 'json', 'HTTP/JSON'],
    ],
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: [['http/json', 'grpc'], ['http']],
    OTEL_EXPORTER_OTLP_HEADERS: [
      ['authorization=Bearer%20hidden', 'a=b,c=d==', ' api-key = k , x-tenant = 1 ', 'empty='],
      ['authorization', '=value', 'a b=c', 'a=%E0%A4%A', 'a=x%0d%0ay', 'a=%C3%A4', 'a=1,A=2'],
    ],
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: [['api-key=k'], ['api-key: k']],
    OTEL_EXPORTER_OTLP_TIMEOUT: [
      ['1', '600000'],
      ['0', '600001', '10s'],
    ],
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: [['1'], ['0', '-1']],
    OTEL_EXPORTER_OTLP_COMPRESSION: [['none', 'gzip'], ['deflate']],
    OTEL_EXPORTER_OTLP_CERTIFICATE: [['ca.pem'], []],
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: [['client.pem'], []],
    OTEL_EXPORTER_OTLP_CLIENT_KEY: [['client.key'], []],
    OTEL_SERVICE_NAME: [['signet', 'Sign-in of Example'], ['x'.repeat(256)]],
    OTEL_RESOURCE_ATTRIBUTES: [
      ['deployment.environment.name=production,team=identity%2Caccess', 'city=K%C3%B6ln'],
      ['production', '=x', 'a=b,a=c', 'a=%', 'a=%00', `a=${'x'.repeat(256)}`],
    ],
    OTEL_TRACES_SAMPLER: [
      ['always_on', 'always_off', 'traceidratio', 'parentbased_traceidratio', 'jaeger_remote'],
      ['always', 'ALWAYS_ON'],
    ],
    OTEL_TRACES_SAMPLER_ARG: [
      ['0', '0.25', '.5', '1', '1.0'],
      ['1.1', '-0.5', '50%', '1e-3', '.'],
    ],
    OTEL_PROPAGATORS: [
      ['tracecontext', 'tracecontext, baggage', 'none', 'b3'],
      ['w3c', 'tracecontext,'],
    ],
    OTEL_BSP_SCHEDULE_DELAY: [
      ['1', '600000'],
      ['0', '600001'],
    ],
    OTEL_BSP_EXPORT_TIMEOUT: [
      ['1', '600000'],
      ['0', '600001'],
    ],
    OTEL_BSP_MAX_QUEUE_SIZE: [
      ['1', '65536'],
      ['0', '65537'],
    ],
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: [
      ['1', '65536'],
      ['0', '65537'],
    ],
    DRAIN_SECONDS: [
      ['0', '5', '600'],
      ['-1', '601', '5s', '0.5'],
    ],
    LOG_LEVEL: [
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      ['INFO', 'verbose', '30'],
    ],
  } satisfies Record<Name, readonly [string[], string[]]>
  const rows = Object.entries(GOOD_AND_BAD)
  const good = rows.flatMap(([name, [values]]) => values.map(value => [name, value] as const))
  const bad = rows.flatMap(([name, [, values]]) => values.map(value => [name, value] as const))

  it.each(good)('takes %s=%s', (name, value) => {
    expect(
      faultsOf({
        [name]: value,
        ...(name === 'DATABASE_URL' ? { REFRESH_TOKEN_PEPPER: PEPPER } : {}),
        ...(name === 'PASSWORD_HOOK_URL' ? { PASSWORD_HOOK_UNTIL: '2027-03-31' } : {}),
        ...(name === 'SMTP_URL' ? { MAIL_FROM: 'a@b.example' } : {}),
      }),
    ).toEqual([])
  })

  it.each(bad)('refuses %s=%s in one line that begins with a name', (name, value) => {
    const faults = faultsOf({ [name]: value })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(
      name === 'REFRESH_TOKEN_MAX_SECONDS' && value === '604799'
        ? /^REFRESH_TOKEN_IDLE/
        : new RegExp(`^${name} `),
    )
    expect(faults[0]).not.toContain('\n')
  })

  describe('of traces', () => {
    const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }
    const optionsOf = (environment: Record<string, string>) => traceOptionsOf(configOf(environment))

    it.each([
      ['no endpoint', { OTEL_SERVICE_NAME: 'signet' }],
      ['an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
      ['OTEL_SDK_DISABLED', { ...on, OTEL_SDK_DISABLED: 'true' }],
      ['OTEL_TRACES_EXPORTER=none', { ...on, OTEL_TRACES_EXPORTER: 'none' }],
    ])('are off with %s', (_name, environment) => {
      expect(optionsOf(environment)).toBe(null)
    })

    it.each([
      ['OTEL_TRACES_EXPORTER', 'console'],
      ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
      ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/protobuf'],
      ['OTEL_TRACES_SAMPLER', 'parentbased_jaeger_remote'],
      ['OTEL_PROPAGATORS', 'tracecontext,b3'],
      ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '2049'],
    ])('refuse %s=%s only where they are on', (name, value) => {
      expect(faultsOf({ [name]: value })).toEqual([])
      expect(faultsOf({ ...on, OTEL_SDK_DISABLED: 'true', [name]: value })).toEqual([])
      expect(faultsOf({ ...on, [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} must`))])
    })

    it('go to /v1/traces of the endpoint, or to the whole URL that is for them alone', () => {
      expect(optionsOf(on)?.url).toBe('http://localhost:4318/v1/traces')
      expect(optionsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.example/base/' })?.url).toBe(
        'https://c.example/base/v1/traces',
      )
      const whole = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c.example/in' }
      expect([optionsOf(whole)?.url, optionsOf({ ...on, ...whole })?.url]).toEqual([
        'https://c.example/in',
        'https://c.example/in',
      ])
    })

    it('take what is for them alone before what is for all signals', () => {
      const environment = {
        ...on,
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=all,x-tenant=1',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'Api-Key=traces',
        OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2000',
      }
      expect(optionsOf(environment)).toMatchObject({
        headers: { 'api-key': 'traces', 'x-tenant': '1' },
        timeout_milliseconds: 2000,
      })
    })

    it('are named by OTEL_SERVICE_NAME, then by OTEL_RESOURCE_ATTRIBUTES', () => {
      const attributes = { ...on, OTEL_RESOURCE_ATTRIBUTES: 'service.name=ids,team=identity' }
      expect(optionsOf(on)?.resource).toEqual({ 'service.name': 'signet' })
      expect(optionsOf(attributes)?.resource).toEqual({ 'service.name': 'ids', team: 'identity' })
      expect(optionsOf({ ...attributes, OTEL_SERVICE_NAME: 'login' })?.resource['service.name']).toBe('login')
    })

    it.each([
      ['always_off', { root: 'always_off', isParentBased: false, ratio: 0.5 }],
      ['traceidratio', { root: 'traceidratio', isParentBased: false, ratio: 0.5 }],
      ['parentbased_always_on', { root: 'always_on', isParentBased: true, ratio: 0.5 }],
      ['parentbased_traceidratio', { root: 'traceidratio', isParentBased: true, ratio: 0.5 }],
    ])('are sampled by %s', (name, sampler) => {
      expect(
        optionsOf({ ...on, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: '0.5' })?.sampler,
      ).toEqual(sampler)
    })

    it('repeat no header in a fault', () => {
      const [fault = ''] = faultsOf({ ...on, OTEL_EXPORTER_OTLP_HEADERS: 'authorization: Bearer hidden' })
      expect(fault).toMatch(/^OTEL_EXPORTER_OTLP_HEADERS must/)
      expect(fault).not.toMatch(/hidden|Bearer/)
    })
  })

  it('refuses a password hook without an end, and one that no request would reach', () => {
    const until = { PASSWORD_HOOK_UNTIL: '2027-03-31' }
    expect(faultsOf({ PASSWORD_HOOK_URL: 'https://old.example/verify' })).toEqual([
      expect.stringMatching(/^PASSWORD_HOOK_UNTIL is required with PASSWORD_HOOK_URL/),
    ])
    const inside = { ...until, PASSWORD_HOOK_URL: 'http://10.0.0.5/verify' }
    expect(faultsOf(inside)).toEqual([expect.stringMatching(/^PASSWORD_HOOK_URL must be an https URL/)])
    expect(faultsOf({ ...inside, OUTBOUND_ALLOW: '10.0.0.0/8' })).toEqual([])
  })

  it('says all faults at once', () => {
    const environment = {
      PORT: 'x',
      LOG_LEVEL: 'loud',
      DATABASE_URL: POSTGRES,
      RATE_LIMIT_LOGIN: 'many',
      ISSUER: 'http://a.example',
    }
    expect(faultsOf(environment).map(fault => fault.split(' ')[0])).toEqual([
      'PORT',
      'RATE_LIMIT_LOGIN',
      'LOG_LEVEL',
      'ISSUER',
      'REFRESH_TOKEN_PEPPER',
    ])
  })

  it('never repeats a secret in a fault', () => {
    const environment = {
      DATABASE_URL: 'mysql://u:hidden@db',
      REDIS_URL: 'x://:hidden@y',
      REFRESH_TOKEN_PEPPER: 'hidden',
    }
    const faults = faultsOf(environment)
    expect(faults).toHaveLength(3)
    expect(faults.join()).not.toContain('hidden')
    for (const password of [
      'hidden%',
      '12#hidden',
      '12/hidden',
      '12?hidden',
      '12?hidden=hidden',
      'hidden%00',
    ])
      for (const [name, scheme] of Object.entries({ DATABASE_URL: 'postgres', SMTP_URL: 'smtp' })) {
        const [fault, ...others] = faultsOf({ [name]: `${scheme}://u:${password}@db/signet` })
        expect([fault, ...others].join()).not.toContain('hidden')
        expect(fault).toMatch(/percent-encoded|encodes no character/)
      }
    for (const url of [
      'redis://:%hidden@y',
      'redis://y/hidden',
      'redis://y?password=hidden',
      'redis://:a#hidden@y',
    ])
      expect(faultsOf({ REDIS_URL: url }).join()).not.toContain('hidden')
  })

  it('refuses one port for both listeners of one address', () => {
    expect(faultsOf({ PORT: '9090' })).toEqual([
      'PORT and INTERNAL_PORT are both 9090: set one of them to another port',
    ])
    expect(faultsOf({ PORT: '9090', INTERNAL_PORT: 'off' })).toEqual([])
    expect(faultsOf({ PORT: '9090', INTERNAL_HOST: '127.0.0.2' })).toEqual([])
  })

  describe('RFC 8414 §2 – ISSUER', () => {
    it('follows PORT, and DEFAULT_AUDIENCE follows ISSUER', () => {
      expect(configOf({ PORT: '9000' })).toMatchObject({
        ISSUER: 'http://localhost:9000',
        DEFAULT_AUDIENCE: 'http://localhost:9000',
      })
      expect(configOf({ ISSUER: 'https://id.example.com' }).DEFAULT_AUDIENCE).toBe('https://id.example.com')
    })
    it.each(['0.0.0.0', '::', '192.0.2.1', 'id.example.com'])('is required when HOST is %s', HOST => {
      expect(faultsOf({ HOST })).toEqual([
        'ISSUER is required when HOST is not a loopback address: set it to the https URL under which clients reach this server',
      ])
      expect(faultsOf({ HOST, ISSUER: 'https://id.example.com' })).toEqual([])
    })
    it('tells the origin that was meant', () => {
      expect(faultsOf({ ISSUER: 'https://ID.example.com/path/' })[0]).toMatch(/https:\/\/id\.example\.com$/)
    })
  })

  it('requires a pepper with DATABASE_URL, and says how to make one', () => {
    expect(faultsOf({ DATABASE_URL: POSTGRES })).toEqual([
      expect.stringMatching(/^REFRESH_TOKEN_PEPPER is required.*openssl rand/),
    ])
  })

  it('refuses what the driver would read past DATABASE_URL', () => {
    const environment = { DATABASE_URL: POSTGRES, PGTARGETSESSIONATTRS: 'read-write' }
    const faults = [expect.stringMatching(/^PGTARGETSESSIONATTRS must be unset/)]
    expect(faultsOf({ ...environment, REFRESH_TOKEN_PEPPER: PEPPER })).toEqual(faults)
    expect(readSettings(['DATABASE_URL'], environment)).toEqual({ faults })
  })

  it('requires a sender with SMTP_URL', () => {
    expect(faultsOf({ SMTP_URL: 'smtps://mail.example' })).toEqual([
      expect.stringMatching(/^MAIL_FROM is required with SMTP_URL: set it to the sender/),
    ])
    expect(faultsOf({ MAIL_FROM: 'a@b.example' })).toEqual([])
  })

  describe('a secret in a file', () => {
    let directory: string
    let file: string
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'signet-config-'))
      file = join(directory, 'secret')
    })
    afterAll(() => rmSync(directory, { recursive: true, force: true }))

    it('is read without the line end', () => {
      writeFileSync(file, `${POSTGRES}\n`)
      expect(configOf({ DATABASE_URL_FILE: file, REFRESH_TOKEN_PEPPER: PEPPER }).DATABASE_URL).toBe(POSTGRES)
    })
    it('is a fault when the variable is set too', () => {
      expect(faultsOf({ REDIS_URL: 'redis://cache', REDIS_URL_FILE: file })).toEqual([
        'REDIS_URL and REDIS_URL_FILE are both set: unset one of them',
      ])
      expect(faultsOf({ REDIS_URL: 'redis://cache', REDIS_URL_FILE: '' })).toEqual([])
    })
    it('is a fault when the file is not there, empty or wrong', () => {
      expect(faultsOf({ REDIS_URL_FILE: join(directory, 'none') })).toEqual([
        expect.stringMatching(/^REDIS_URL_FILE \S+none cannot be read \(ENOENT\): name a file/),
      ])
      expect(faultsOf({ REDIS_URL_FILE: directory })).toEqual([
        expect.stringContaining('cannot be read (EISDIR)'),
      ])
      writeFileSync(file, '\n')
      expect(faultsOf({ REDIS_URL_FILE: file })).toHaveLength(1)
      expect(faultsOf({ REFRESH_TOKEN_PEPPER_FILE: file })).toHaveLength(1)
    })
    it('is for secrets alone', () => {
      writeFileSync(file, '9000')
      expect(configOf({ PORT_FILE: file }).PORT).toBe(8080)
    })
  })

  it('gives a command the settings that it needs, whatever the others hold', () => {
    expect(readSettings(['DATABASE_URL'], { DATABASE_URL: POSTGRES, PORT: 'x' })).toEqual({
      settings: { DATABASE_URL: POSTGRES },
    })
    expect(readSettings(['PORT'], { PORT: 'x' })).toEqual({ faults: [expect.stringMatching(/^PORT /)] })
  })
})

describe('DYNAMIC_CLIENT_GRACE_SECONDS', () => {
  it.each([
    [{}, 1_800],
    [{ ACCESS_TOKEN_TTL_SECONDS: '2700' }, 3_600],
    [{ ACCESS_TOKEN_TTL_SECONDS: '2701' }, 3_600],
    [{ ACCESS_TOKEN_TTL_SECONDS: '60', DYNAMIC_CLIENT_GRACE_SECONDS: '0' }, 0],
  ])('follows the life of an access token where it is unset: %j', (given, seconds) => {
    expect(configOf(given).DYNAMIC_CLIENT_GRACE_SECONDS).toBe(seconds)
  })
})

describe('DRAIN_SECONDS', () => {
  it('is 5 where it is unset, and 0 in development, on the embedded database', () => {
    const REFRESH_TOKEN_PEPPER = Buffer.alloc(32, 7).toString('base64url')
    const served = { DATABASE_URL: 'postgres://signet:secret@localhost/signet', REFRESH_TOKEN_PEPPER }
    expect(
      [{}, served, { ...served, DRAIN_SECONDS: '0' }].map(given => configOf(given).DRAIN_SECONDS),
    ).toEqual([0, 5, 0])
  })
})
