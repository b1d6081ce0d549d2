import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBasic } from '../../../src/domain/oauth/basic-credentials.ts'
import { parseForm } from '../../../src/domain/oauth/form.ts'
import { OAuthError } from '../../../src/domain/oauth/oauth-error.ts'
import { narrowScope, parseScope } from '../../../src/domain/oauth/scope.ts'
import { basic } from '../../support/clients.ts'

/** Text that a parameter may have. */
const clean = fc.string({ unit: 'grapheme' }).filter(text => !/[\p{Cc}\ufffd]/u.test(text))
const name = clean.filter(text => text !== 'resource')

describe('RFC 6749 appendix B – any form', () => {
  it('comes back as it was sent', () => {
    const entries = fc.uniqueArray(fc.tuple(name, clean), { selector: ([key]) => key })
    fc.assert(
      fc.property(entries, fc.array(clean), (parameters, resources) => {
        const sent = new URLSearchParams([
          ...parameters,
          ...resources.map((value): [string, string] => ['resource', value]),
        ])
        const form = parseForm(sent.toString())
        for (const [key, value] of parameters) expect(form.get(key)).toBe(value === '' ? undefined : value)
        expect(form.resources).toEqual(resources.filter(value => value !== ''))
      }),
    )
  })

  it('is refused when it repeats a parameter', () => {
    fc.assert(
      fc.property(name, clean, clean, (key, one, other) => {
        const sent = new URLSearchParams([
          [key, one],
          [key, other],
        ])
        expect(() => parseForm(sent.toString())).toThrow(OAuthError)
      }),
    )
  })

  it('is read or refused, whatever was sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), body => {
        try {
          parseForm(body)
        } catch (error) {
          expect(error).toBeInstanceOf(OAuthError)
        }
      }),
    )
  })
})

describe('RFC 6749 §2.3.1 – any pair', () => {
  it('comes back as it was sent', () => {
    fc.assert(
      fc.property(
        clean.filter(id => id !== ''),
        clean,
        (client_id, secret) => {
          expect(decodeBasic(basic(client_id, secret).authorization)).toEqual({ client_id, secret })
        },
      ),
    )
  })

  it('is read or refused, whatever was sent', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        const decoded = decodeBasic(`Basic ${Buffer.from(bytes).toString('base64')}`)
        if (decoded !== null) expect(decoded.client_id + decoded.secret).not.toContain('\ufffd')
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(() => decodeBasic(`Basic ${text}`)).not.toThrow()
      }),
    )
  })
})

describe('RFC 6749 §3.3 – any scope', () => {
  const value = fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,20}$/)

  it('is read as its values, each once, in order', () => {
    fc.assert(
      fc.property(fc.array(value), values => {
        expect(parseScope(values.join(' '))).toEqual([...new Set(values)])
      }),
    )
  })

  it('is refused with a character that the grammar does not allow', () => {
    const foreign = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 1 })
      .filter(text => !/[\x20\x21\x23-\x5b\x5d-\x7e]/.test(text))
    fc.assert(
      fc.property(value, foreign, value, (before, character, after) => {
        expect(parseScope(before + character + after)).toBeNull()
      }),
    )
  })

  it('never grows when it is narrowed', () => {
    fc.assert(
      fc.property(fc.array(value), fc.array(value, { minLength: 1 }), (registered, requested) => {
        const narrow = () => narrowScope(requested.join(' '), registered.join(' '))
        if (requested.every(one => registered.includes(one)))
          expect(
            narrow()
              .split(' ')
              .every(one => registered.includes(one)),
          ).toBe(true)
        else expect(narrow).toThrow(OAuthError)
      }),
    )
  })
})
