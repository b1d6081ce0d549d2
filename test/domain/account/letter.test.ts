import { describe, expect, it } from 'vitest'
import { judgeLetterTemplate, writeLetter } from '../../../src/domain/account/letter.ts'

const faultOf = (name: string, text: string) => {
  const judged = judgeLetterTemplate(name, text)
  return 'fault' in judged ? judged.fault : null
}
const GAPS = 'it may have {{link}}, {{minutes}}, {{brand}}, {{host}}'

describe('a template of a mail', () => {
  it('has a subject, an empty line and a text', () => {
    expect(judgeLetterTemplate('reset-password', 'Subject: Hello {{brand}}\r\n\r\n{{link}}\r\n')).toEqual({
      template: { subject: 'Hello {{brand}}', text: '{{link}}\n' },
    })
  })

  it.each([
    [
      'reset-pasword',
      'Subject: x\n\n{{link}}',
      'there is no mail reset-pasword; did you mean reset-password?',
    ],
    ['constructor', 'Subject: x\n\ny', 'there is no mail constructor'],
    ['email-changed', 'Hello\n\ny', 'must begin with a line "Subject: …" and an empty line'],
    ['email-changed', 'Subject: x\ny', 'must begin with a line "Subject: …" and an empty line'],
    ['reset-password', 'Subject: x\n\n{{link}}\n\n{{at}}', `has a gap that nothing fills; ${GAPS}`],
    ['reset-password', 'Subject: x\n\n{{link}}\n\n{minutes}', `has a gap that nothing fills; ${GAPS}`],
    ['reset-password', 'Subject: x\n\nGo to {{link}} now.', 'needs {{link}} in a paragraph of its own'],
  ])('of %s is refused: %j', (name, text, fault) => {
    expect(faultOf(name, text)).toBe(fault)
  })

  it('is cut into paragraphs by what each is in the template, whatever the values hold', () => {
    const text = 'Look\nhere:\n\n{{link}}\n\n  device: {{device}}\n  when:   {{at}}\n\n{{brand}}, {{host}}\n'
    const values = { link: 'https://x', device: '\n\n{{link}}', at: 'now', brand: 'Acme', host: 'id.example' }
    expect(writeLetter({ subject: 's', text }, values).paragraphs).toEqual([
      { kind: 'words', lines: ['Look', 'here:'] },
      { kind: 'link', lines: ['https://x'] },
      { kind: 'list', lines: ['device:   {{link}}', 'when:   now'] },
      { kind: 'sender', lines: ['Acme, id.example'] },
    ])
  })
})
