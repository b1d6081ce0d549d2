import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readLogo } from '../../src/platform/config-files/brand-logo.ts'

describe('BRAND_LOGO_FILE', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'signet-logo-'))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const read = (bytes: string | Buffer) => {
    const path = join(directory, 'logo')
    writeFileSync(path, bytes)
    return readLogo(path)
  }

  it.each([
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"></svg>\n'],
    ['image/svg+xml', '<?xml version="1.0"?>\n<!-- a logo -->\n<svg/><svg></svg>'],
    ['image/png', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['image/jpeg', Buffer.from('ffd8ffe0', 'hex')],
    ['image/webp', Buffer.from('RIFF\0\0\0\0WEBPVP8 ')],
  ])('is recognized as %s by its content, not by its file name', (type, bytes) => {
    expect(read(bytes)).toMatchObject({ type, version: expect.stringMatching(/^[\da-f]{12}$/) })
  })

  it('has a version that changes with its content', () => {
    const versionOf = (text: string) => read(`<svg>${text}</svg>`)
    expect(versionOf('a')).toEqual(versionOf('a'))
    expect(versionOf('a')).not.toEqual(versionOf('b'))
  })

  it.each(['<html><body><svg></svg></body></html>', 'GIF89a', '', 'alert(1)'])(
    'is refused with one sentence when its content is no supported image: %j',
    text => {
      expect(read(text)).toEqual({ fault: expect.stringMatching(/^BRAND_LOGO_FILE must be an SVG, PNG/) })
    },
  )

  it('is refused with one sentence above 65,536 bytes and when the file is missing', () => {
    const least = '<svg></svg>'.length
    expect(read(`<svg>${' '.repeat(65_536 - least)}</svg>`)).toHaveProperty('type')
    expect(read(`<svg>${' '.repeat(65_537 - least)}</svg>`)).toEqual({
      fault: expect.stringMatching(/^BRAND_LOGO_FILE must be 65536 bytes at most/),
    })
    expect(readLogo(join(directory, 'none'))).toEqual({
      fault: expect.stringMatching(/^BRAND_LOGO_FILE cannot be read/),
    })
  })
})
