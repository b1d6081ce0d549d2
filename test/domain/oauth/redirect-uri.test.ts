import { describe, expect, it } from 'vitest'
import { type AuthMethod, type Client, FIRST_PARTY } from '../../../src/domain/oauth/client.ts'
import {
  isLoopbackOrPrivateUse,
  isRegistrable,
  isWebUri,
  matchRedirectUri,
} from '../../../src/domain/oauth/redirect-uri.ts'

const client = (
  redirect_uris: readonly string[],
  token_endpoint_auth_method: AuthMethod = 'none',
): Client => ({ ...FIRST_PARTY, redirect_uris, token_endpoint_auth_method })

describe('RFC 6749 §3.1.2, RFC 8252 §7 – a redirect URI that may be registered', () => {
  it.each([
    'https://app.example/callback',
    'https://app.example',
    'https://app.example:8443/callback?tenant=1&x=%20',
    'https://localhost/callback',
    'https://my_app.internal/callback',
    'https://[2001:db8::1]/callback',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:4998/callback',
    'http://[::1]/callback',
    'http://[::1]:1/callback',
    'http://localhost',
    'http://localhost:65535/callback?x',
    'com.example.app:/callback',
    'com.example.app://callback',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'vscode:callback',
  ])('is %s', uri => {
    expect(isRegistrable(uri)).toBe(true)
  })

  it.each([
    '',
    'https',
    'https:',
    'https://',
    'https:///callback',
    'https:app.example/callback',
    'https:/app.example/callback',
    '//app.example/callback',
    '/callback',
    'app.example/callback',
    ' https://app.example/callback',
    'https://app.example/callback ',
    'https://app.example/call back',
    'https://app.example/callback\n',
    'https://app.example/\tcallback',
    'https://app.example/callback\u0000',
    'https://app.example/callback#',
    'https://app.example/callback#fragment',
    'https://user@app.example/callback',
    'https://user:password@app.example/callback',
    'https://@app.example/callback',
    'https://app.example\\@evil.example/callback',
    'https://app.example\\evil',
    'https://app.example/%zz',
    'https://app.example/%2',
    'https://äpp.example/callback',
    'https://app;x.example/callback',
    "https://app'.example/callback",
    'https://app.example,evil.example/callback',
    'https://app.example/<script>',
    'https://app.example:99999/callback',
    'http://app.example/callback',
    'http://localhost.evil.example/callback',
    'http://localhost@evil.example/callback',
    'http://127.0.0.1.evil.example/callback',
    'http://127.0.0.1:80@evil.example/callback',
    'http://127.0.0.2/callback',
    'http://127.1/callback',
    'http://0x7f.0.0.1/callback',
    'http://2130706433/callback',
    'http://%6cocalhost/callback',
    'http://[::ffff:127.0.0.1]/callback',
    'http://[0:0:0:0:0:0:0:1]/callback',
    'http://localhost./callback',
    'http://localhost:0/callback',
    'http://localhost:65536/callback',
    'http://localhost:/callback',
    'http:localhost/callback',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'java\tscript:alert(1)',
    'javascript://app.example/%0aalert(1)',
    'data:text/html,x',
    'DATA:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://app.example/0',
    'about:blank',
    'filesystem:https://app.example/x',
    'view-source:https://app.example',
    'ftp://app.example/',
    'ws://app.example/',
    'wss://app.example/',
    'cursor:',
    'cursor://user@host/callback',
    '1cursor://callback',
  ])('is not %j', uri => {
    expect(isRegistrable(uri)).toBe(false)
    expect(isWebUri(uri)).toBe(false)
  })

  it('is of the web by https, or by http on loopback, alone', () => {
    expect(['https://app.example/', 'http://localhost:3000/'].every(isWebUri)).toBe(true)
    expect(['cursor://callback', 'com.example.app:/callback'].some(isWebUri)).toBe(false)
  })
})

describe('RFC 9700 §2.1 – the redirect URI of a request', () => {
  const REGISTERED = 'https://app.example/callback'

  it('is the registered one, letter by letter', () => {
    expect(matchRedirectUri(client([REGISTERED]), REGISTERED)).toBe(REGISTERED)
    expect(matchRedirectUri(client(['https://other.example/', REGISTERED]), REGISTERED)).toBe(REGISTERED)
    expect(matchRedirectUri(client(['cursor://a/b']), 'cursor://a/b')).toBe('cursor://a/b')
  })

  it.each([
    '',
    'https://app.example/callback/',
    'https://app.example/callback?',
    'https://app.example/callback?x=1',
    'https://app.example/callback#x',
    'https://app.example/callback/../callback',
    'https://app.example/callback/..',
    'https://app.example//callback',
    'https://app.example/Callback',
    'https://app.example/%63allback',
    'https://app.example:443/callback',
    'https://app.example:8443/callback',
    'https://APP.example/callback',
    'HTTPS://app.example/callback',
    'http://app.example/callback',
    'https://app.example.evil.example/callback',
    'https://evil.example/https://app.example/callback',
    'https://app.example@evil.example/callback',
    'https://evil.example\\@app.example/callback',
    'https://app.example/callback ',
    ' https://app.example/callback',
    'https://app.example/callback\n',
    'https://app.example/callbac',
  ])('is not the registered one when it is %j', given => {
    expect(matchRedirectUri(client([REGISTERED]), given)).toBeNull()
    expect(matchRedirectUri(client([REGISTERED], 'client_secret_basic'), given)).toBeNull()
  })

  it('may be left out where exactly one is registered', () => {
    expect(matchRedirectUri(client([REGISTERED]), undefined)).toBe(REGISTERED)
    expect(matchRedirectUri(client([REGISTERED, 'https://other.example/']), undefined)).toBeNull()
    expect(matchRedirectUri(client([]), undefined)).toBeNull()
  })
})

describe('RFC 8252 §7.3 – the port of a loopback redirect URI', () => {
  it.each([
    ['http://127.0.0.1/callback', 'http://127.0.0.1:50123/callback'],
    ['http://127.0.0.1:8080/callback', 'http://127.0.0.1:50123/callback'],
    ['http://127.0.0.1:8080/callback', 'http://127.0.0.1/callback'],
    ['http://[::1]/callback', 'http://[::1]:1/callback'],
    ['http://localhost/callback', 'http://localhost:65535/callback'],
    ['http://localhost', 'http://localhost:3000'],
    ['http://localhost?a=1', 'http://localhost:3000?a=1'],
  ])('is free for a public client: %s takes %s', (registered, given) => {
    expect(matchRedirectUri(client([registered]), given)).toBe(given)
    expect(matchRedirectUri(client([registered], 'client_secret_basic'), given)).toBeNull()
  })

  it.each([
    ['http://127.0.0.1/callback', 'http://localhost:1/callback'],
    ['http://localhost/callback', 'http://127.0.0.1:1/callback'],
    ['http://localhost/callback', 'http://[::1]:1/callback'],
    ['http://localhost/callback', 'https://localhost:1/callback'],
    ['http://localhost/callback', 'http://localhost:1/callback/'],
    ['http://localhost/callback', 'http://localhost:1/callback?x'],
    ['http://localhost/callback', 'http://localhost:1/callback#x'],
    ['http://localhost/callback', 'http://localhost:1/../callback'],
    ['http://localhost/callback', 'http://localhost:1/x/../callback'],
    ['http://localhost/callback', 'http://localhost:1/%63allback'],
    ['http://localhost/callback', 'http://localhost:1//callback'],
    ['http://localhost/callback', 'http://LOCALHOST:1/callback'],
    ['http://localhost/callback', 'HTTP://localhost:1/callback'],
    ['http://localhost/callback', 'http://localhost:/callback'],
    ['http://localhost/callback', 'http://localhost:0/callback'],
    ['http://localhost/callback', 'http://localhost:65536/callback'],
    ['http://localhost/callback', 'http://localhost:99999/callback'],
    ['http://localhost/callback', 'http://localhost:+1/callback'],
    ['http://localhost/callback', 'http://localhost:1:2/callback'],
    ['http://localhost/callback', 'http://localhost:1@evil.example/callback'],
    ['http://localhost/callback', 'http://localhost:1\\@evil.example/callback'],
    ['http://localhost/callback', 'http://localhost:1.evil.example/callback'],
    ['http://localhost/callback', 'http://localhost.evil.example:1/callback'],
    ['http://localhost/callback', 'http://localhost.:1/callback'],
    ['http://localhost/callback', 'http://user@localhost:1/callback'],
    ['http://localhost/callback', 'http://localhost:1/callback\n'],
    ['http://localhost/callback', '\nhttp://localhost:1/callback'],
    ['http://localhost/callback', 'x\nhttp://localhost:1/callback'],
    ['http://localhost', 'http://localhost:3000/'],
    ['http://127.0.0.1/callback', 'http://127.1:1/callback'],
    ['http://127.0.0.1/callback', 'http://127.0.0.1.evil.example:1/callback'],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:80@evil.example/callback'],
    ['http://[::1]/callback', 'http://[0:0:0:0:0:0:0:1]:1/callback'],
    ['https://localhost/callback', 'https://localhost:1/callback'],
    ['https://app.example/callback', 'http://localhost:1/callback'],
    ['cursor://localhost/callback', 'cursor://localhost:1/callback'],
  ])('is the one thing that is free: %j does not take %j', (registered, given) => {
    expect(matchRedirectUri(client([registered]), given)).toBeNull()
  })
})

describe('isLoopbackOrPrivateUse', () => {
  it.each([
    'http://localhost/x',
    'http://127.0.0.1:1/x',
    'http://[::1]/x',
    'https://localhost/x',
    'cursor://app.example/x',
    'com.example.app:/x',
  ])('is true for %s', uri => {
    expect(isLoopbackOrPrivateUse(uri)).toBe(true)
  })

  it.each(['https://app.example/x', 'HTTPS://app.example/x', 'https://localhost.example/x'])(
    'is false for %s',
    uri => {
      expect(isLoopbackOrPrivateUse(uri)).toBe(false)
    },
  )
})
