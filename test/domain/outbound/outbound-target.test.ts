import { describe, expect, it } from 'vitest'
import { parseAddressRanges } from '../../../src/domain/base/ip-address.ts'
import { judgeOutboundAddress, judgeOutboundUrl } from '../../../src/domain/outbound/outbound-target.ts'

const rangesOf = (...texts: readonly string[]) => {
  const parsed = parseAddressRanges(texts)
  return 'ranges' in parsed ? parsed.ranges : []
}
const refusalOf = (url: string, ...allow: readonly string[]) => {
  const judged = judgeOutboundUrl(url, rangesOf(...allow))
  return 'refusal' in judged ? judged.refusal : null
}

describe('a URL that may be called', () => {
  it('keeps its port, its path and its query', () => {
    expect(judgeOutboundUrl('https://App.example:8443/logout?tenant=1', [])).toEqual({
      target: {
        isSecure: true,
        host: 'app.example:8443',
        hostname: 'app.example',
        port: 8443,
        path: '/logout?tenant=1',
        address: null,
      },
    })
  })

  it.each([
    ['https://app.example', 443, null],
    ['https://app.example./', 443, null],
    ['https://8.8.8.8/', 443, '8.8.8.8'],
    ['https://[2606:4700::1111]/', 443, '2606:4700::1111'],
  ])('%s leads to port %i', (url, port, address) => {
    expect(judgeOutboundUrl(url, [])).toMatchObject({ target: { port, address } })
  })

  it.each([
    ['', 'url_malformed'],
    ['app.example', 'url_malformed'],
    [' https://app.example/', 'url_malformed'],
    ['https://app.example\\@127.0.0.1/', 'url_malformed'],
    ['https://app.example/\n', 'url_malformed'],
    ['https://ⓛocalhost/', 'url_malformed'],
    ['https://[fe80::1%25eth0]/', 'url_malformed'],
    ['https://app.example:65536/', 'url_malformed'],
    [`https://app.example/${'a'.repeat(2048)}`, 'url_malformed'],
    ['https://user@app.example/', 'user_information'],
    ['https://user:secret@app.example/', 'user_information'],
    ['https://@app.example/', 'user_information'],
    ['https:app@app.example/', 'user_information'],
    ['http://app.example/', 'scheme_refused'],
    ['http://8.8.8.8/', 'scheme_refused'],
    ['ftp://app.example/', 'scheme_refused'],
    ['file:///etc/passwd', 'scheme_refused'],
    ['data:,text', 'scheme_refused'],
    ['unix:/var/run/docker.sock', 'scheme_refused'],
  ])('%j is refused: %s', (url, refusal) => {
    expect(refusalOf(url)).toBe(refusal)
  })

  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://127.0.0.1./',
    'https://0/',
    'https://%31%32%37.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[fd00:ec2::254]/',
  ])('%s names an internal address in one of its spellings', url => {
    expect(refusalOf(url)).toBe('address_refused')
  })

  it('leads to an internal address that is allowed, by either scheme, and to no other one', () => {
    expect(refusalOf('http://10.1.2.3:8080/logout', '10.1.0.0/16')).toBeNull()
    expect(refusalOf('https://10.1.2.3/logout', '10.1.0.0/16')).toBeNull()
    expect(refusalOf('https://[::ffff:10.1.2.3]/', '10.1.0.0/16')).toBeNull()
    expect(refusalOf('http://[fd00::1]/', 'fd00::/8')).toBeNull()
    expect(refusalOf('https://10.2.0.0/', '10.1.0.0/16')).toBe('address_refused')
    expect(refusalOf('http://10.2.0.0/', '10.1.0.0/16')).toBe('address_refused')
    expect(refusalOf('http://8.8.8.8/', '10.1.0.0/16')).toBe('scheme_refused')
  })

  it('may be http where its name could lead to an allowed address, which its socket then proves', () => {
    expect(refusalOf('http://app.internal/', '10.1.0.0/16')).toBeNull()
    const clear = { isSecure: false }
    expect(judgeOutboundAddress('10.1.0.1', clear, rangesOf('10.1.0.0/16'))).toBeNull()
    expect(judgeOutboundAddress('8.8.8.8', clear, rangesOf('10.1.0.0/16'))).toBe('scheme_refused')
    expect(judgeOutboundAddress('10.2.0.1', clear, rangesOf('10.1.0.0/16'))).toBe('address_refused')
  })

  it('has no address where the socket has none', () => {
    expect(judgeOutboundAddress(undefined, { isSecure: true }, rangesOf('10.0.0.0/8'))).toBe(
      'address_refused',
    )
  })
})
