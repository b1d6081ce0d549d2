import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { citationsIn, readPlaces, renderRfcIndex, untitled } from './support/repository/rfc-index.ts'

describe('docs/rfc-index.md', () => {
  it('is what `npm run docs:rfc-index` prints', () => {
    expect(readFileSync('docs/rfc-index.md', 'utf8')).toBe(renderRfcIndex())
  })

  it('knows the title of every standard that the code cites', () => {
    expect(untitled()).toEqual([])
  })

  it('finds citations in src and in tests, in titles and in comments', () => {
    const { rules, tests } = readPlaces()
    const has = (standard: string, section: string, path: string) =>
      [...rules, ...tests].some(
        place => place.standard === standard && place.section === section && place.path === path,
      )
    expect(has('RFC 6749', '§4.4', 'src/grants/client-credentials.ts')).toBe(true)
    expect(has('RFC 6749', '§4.4.3', 'test/grants/client-credentials.test.ts')).toBe(true)
    expect(has('RFC 9068', '§2.1', 'test/grants/client-credentials.test.ts')).toBe(true)
  })
})

describe('a citation', () => {
  it.each([
    ['RFC 6749 §4.1.3 – Trades a code.', ['RFC 6749 §4.1.3']],
    ['RFC 7515 §2, §7.1 and RFC 7519', ['RFC 7515 §2', 'RFC 7515 §7.1', 'RFC 7519 ']],
    ['RFC 6749 §3.2 and appendix B – a form', ['RFC 6749 §3.2', 'RFC 6749 appendix B']],
    ['draft-ietf-httpapi-ratelimit-headers-10 §3', ['draft-ietf-httpapi-ratelimit-headers §3']],
    ['RFC 6265bis §4.1.3.2', ['RFC 6265bis §4.1.3.2']],
    ['the end of RFC 7009.', ['RFC 7009 ']],
    ['RFC 9999 §1', ['RFC 9999 §1']],
    ['no section at all', []],
  ])('in %j', (text, expected) => {
    expect(citationsIn(text).map(({ standard, section }) => `${standard} ${section}`)).toEqual(expected)
  })

  it('of a section alone is one of the standard around it, and none where there is none', () => {
    expect(citationsIn('§2.3.1 – a pair', 'RFC 6749')).toEqual([{ standard: 'RFC 6749', section: '§2.3.1' }])
    expect(citationsIn('§2.3.1 – a pair')).toEqual([])
  })
})
