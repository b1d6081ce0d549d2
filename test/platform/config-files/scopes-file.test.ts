import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wordsIn } from '../../../src/domain/authorization/scope-catalogue.ts'
import { StartFault } from '../../../src/domain/base/start-fault.ts'
import { readScopesFile } from '../../../src/platform/config-files/scopes-file.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-scopes-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const read = (content: unknown) => {
  const file = join(directory, 'scopes.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return readScopesFile(file)
}
const faultsOf = async (content: unknown): Promise<readonly string[]> => {
  const failed = await read(content).catch((error: unknown) => error)
  return failed instanceof StartFault ? failed.lines : []
}

describe('SCOPES_FILE', () => {
  it('has a text for each language, or one for all of them', async () => {
    const catalogue = await read({
      read: { title: { 'pt-BR': 'Ler', en: 'Read', de: 'Lesen' }, description: 'Notes' },
      write: { title: { fr: 'Écrire', de: 'Schreiben' }, optional: true, default: false },
      email: { optional: true },
    })
    const titleOf = (scope: string, language: string) => {
      const title = catalogue.get(scope)?.title ?? null
      return title && wordsIn(title, language)
    }
    expect(['de', 'de-ch', 'pt-br', 'pt', 'fr'].map(language => titleOf('read', language))).toEqual([
      'Lesen',
      'Lesen',
      'Ler',
      'Read',
      'Read',
    ])
    expect([titleOf('write', 'de'), titleOf('write', 'en'), titleOf('email', 'en')]).toEqual([
      'Schreiben',
      'Écrire',
      null,
    ])
    expect([...catalogue.values()].map(({ isOptional, isTicked }) => [isOptional, isTicked])).toEqual([
      [false, true],
      [true, false],
      [true, true],
    ])
    expect((await read({})).size).toBe(0)
  })

  it.each([
    ['{', /, line 1: is not JSON from here on; look for /],
    ['[]', /, line 1: must be a JSON object with a member for each scope$/],
    ['null', /must be a JSON object with a member for each scope$/],
    ['{\n"read": {}\n}', /, line 2: scope "read": title is required$/],
    [{ read: 'Read' }, /scope "read": must be an object with a title$/],
    [{ read: { title: '' } }, /scope "read": title\.en must not be empty$/],
    [
      { read: { title: {} } },
      /scope "read": title must be a text, or an object with a text for each language$/,
    ],
    [
      { read: { title: 7 } },
      /scope "read": title must be a text, or an object with a text for each language$/,
    ],
    [{ read: { title: { en: 7 } } }, /scope "read": title\.en must be a text$/],
    [
      { read: { title: { 'in English': 'Read' } } },
      /scope "read": title\.in English is not a language: name /,
    ],
    [{ read: { title: 'x'.repeat(101) } }, /title\.en must be 100 characters at most$/],
    [{ read: { title: 'a\nb' } }, /title\.en must be one line, without control characters$/],
    [{ read: { title: 'Read', optional: 'yes' } }, /scope "read": optional must be true or false$/],
    [{ read: { title: 'Read', default: false } }, /default has a meaning beside "optional": true only$/],
    [
      { read: { title: 'Read', descripton: '' } },
      /descripton is not a member .*; did you mean description\?$/,
    ],
    [
      { read: { title: 'Read', colour: '' } },
      /colour is not a member .* remove it; an entry may have title, /,
    ],
    [{ 'read write': { title: 'Read' } }, /scope "read write": is not a scope: write one scope, /],
    [{ '': { title: 'Read' } }, /scope "": is not a scope: /],
    [{ openid: { optional: true } }, /scope "openid": optional must not be true: /],
  ])('is refused with the scope, the member and what to do: %j', async (content, fault) => {
    expect(await faultsOf(content)).toEqual([expect.stringMatching(fault)])
  })

  it('is told every fault at once, each with its line', async () => {
    const text = '{\n"read": { "title": "Read", "optinal": true },\n"write": {\n"default": 1\n}\n}'
    expect((await faultsOf(text)).map(line => line.replace(/^SCOPES_FILE \S+, /, ''))).toEqual([
      'line 2: scope "read": optinal is not a member that Signet knows; did you mean optional?',
      'line 4: scope "write": default must be true or false',
    ])
  })
})
