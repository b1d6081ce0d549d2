import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { readTemplatesDirectory } from '../../src/platform/templates-directory.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})
const directoryOf = (files: Readonly<Record<string, string | Uint8Array>>): string => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-templates-'))
  directories.push(directory)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
  return directory
}
const read = (files: Parameters<typeof directoryOf>[0]) => readTemplatesDirectory(directoryOf(files))

describe('TEMPLATES_DIR', () => {
  it('holds pages and mails, with a folder for each language', () => {
    const found = read({ 'pages/pt-br/sign-in.json': '{}', 'mail/de/new-device.txt': 'Subject: x' })
    expect(found).toEqual({
      pages: [{ path: 'pages/pt-br/sign-in.json', language: 'pt-br', name: 'sign-in', text: '{}' }],
      mail: [{ path: 'mail/de/new-device.txt', language: 'de', name: 'new-device', text: 'Subject: x' }],
      faults: [],
    })
  })

  it('is read through the symbolic links of a mounted volume, without names that begin with a dot', () => {
    const directory = directoryOf({ '..data/pages/ar/sign-in.json': '{}', '.git/HEAD': 'x' })
    symlinkSync('..data/pages', join(directory, 'pages'))
    const { pages, faults } = readTemplatesDirectory(directory)
    expect([pages.map(({ path }) => path), faults]).toEqual([['pages/ar/sign-in.json'], []])
  })

  it('accepts a byte order mark at the start of a file', () => {
    expect(read({ 'pages/ar/sign-in.json': '\ufeff{}' }).pages[0]?.text).toBe('{}')
  })

  it.each([
    ['mails/de/new-device.txt', 'mails has no use: there are pages and mail'],
    ['sign-in.json', 'sign-in.json has no use: there are pages and mail'],
    ['pages/sign-in.json', 'pages/sign-in.json is no language tag in lower case, such as fr or pt-br'],
    ['pages/pt-BR/sign-in.json', 'pages/pt-BR is no language tag in lower case, such as fr or pt-br'],
    ['pages/pt_br/sign-in.json', 'pages/pt_br is no language tag in lower case, such as fr or pt-br'],
    ['pages/ar/sign-in.txt', 'pages/ar/sign-in.txt must end in .json'],
    ['pages/ar/sign-in.json/x', 'pages/ar/sign-in.json cannot be read: it is a folder'],
    ['mail', 'mail cannot be read: it is not a folder'],
  ])('is refused because of the path %s', (path, fault) => {
    expect(read({ [path]: '{}' }).faults).toEqual([fault])
  })

  it('is refused when a file is not UTF-8 or the directory is missing', () => {
    const latin = read({ 'pages/ar/sign-in.json': Buffer.from('{"title":"\xe9"}', 'latin1') })
    expect(latin.faults).toEqual(['pages/ar/sign-in.json cannot be read: it is not UTF-8'])
    expect(readTemplatesDirectory('/nowhere/words').faults).toEqual([
      '/nowhere/words cannot be read: it is not there',
    ])
  })
})
