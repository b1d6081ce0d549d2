import { describe, expect, it } from 'vitest'
import {
  isWithin,
  limitKeyOf,
  parseAddress,
  parseAddressRanges,
} from '../../../src/domain/base/ip-address.ts'

describe('RFC 7239 §6 – an address in the form of a proxy', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%j is %s', (text, address) => {
    expect(parseAddress(text)).toBe(address)
  })

  it.each([
    undefined,
    '',
    'unknown',
    '_hidden',
    'localhost',
    '1',
    '0x7f.1',
    '127.1',
    '010.0.0.1',
    '256.0.0.1',
    '192.0.2.1.5',
    '192.0.2.1:port',
    '[192.0.2.1',
    '2001:db8::1::2',
    "192.0.2.1'; --",
    '9'.repeat(10_000),
  ])('%j is no address', text => {
    expect(parseAddress(text)).toBeNull()
  })
})

describe('ranges', () => {
  const within = (address: string, ...texts: readonly string[]) => {
    const parsed = parseAddressRanges(texts)
    return 'ranges' in parsed && isWithin(address, parsed.ranges)
  }
  it('contain their first and last address, but not the neighbours of these (RFC 4632, RFC 4291)', () => {
    expect(within('10.0.0.0', '10.0.0.0/8')).toBe(true)
    expect(within('10.255.255.255', '10.0.0.0/8')).toBe(true)
    expect(within('9.255.255.255', '10.0.0.0/8')).toBe(false)
    expect(within('11.0.0.0', '10.0.0.0/8')).toBe(false)
    expect(within('2001:db8::1', '2001:db8::/32')).toBe(true)
    expect(within('2001:db9::1', '2001:db8::/32')).toBe(false)
  })
  it('match IPv4 that is mapped into IPv6, and keep the address families apart', () => {
    expect(within('::ffff:10.0.0.1', '10.0.0.0/8')).toBe(true)
    expect(within('::1', '0.0.0.0/0')).toBe(false)
    expect(within('10.0.0.1', '::/0')).toBe(false)
  })
  it('have one address when no prefix length is given', () => {
    expect(within('192.0.2.1', '192.0.2.1')).toBe(true)
    expect(within('192.0.2.2', '192.0.2.1')).toBe(false)
    expect(within('::1', '::1')).toBe(true)
  })
  it.each(['10.0.0.0/33', '::/129', 'localhost', '10.0.0.0/', '10.0.0.0/x', '/8'])(
    'name the wrong one: %s',
    text => {
      expect(parseAddressRanges(['10.0.0.0/8', text])).toEqual({ wrong: text })
    },
  )
})

describe('the key of a limit', () => {
  it('is the whole address for IPv4', () => {
    expect(limitKeyOf('192.0.2.1')).toBe('192.0.2.1')
  })
  it('is the /64 for IPv6, because a subscriber has a whole one', () => {
    expect(limitKeyOf('2001:db8:0:1::1')).toBe(limitKeyOf('2001:db8:0:1:ffff:ffff:ffff:ffff'))
    expect(limitKeyOf('2001:db8:0:1::1')).not.toBe(limitKeyOf('2001:db8:0:2::1'))
  })
})
