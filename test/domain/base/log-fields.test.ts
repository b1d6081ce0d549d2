import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LOG_FIELDS } from '../../../src/domain/base/log-fields.ts'
import { OAUTH_REASONS } from '../../../src/domain/oauth/oauth-error.ts'
import { DELIVERY_FAILURES } from '../../../src/domain/outbound/delivery.ts'
import { PROBLEM_REASONS } from '../../../src/domain/refusals/problem-reasons.ts'
import { PAST_REASONS } from '../../../src/domain/sign-in/sign-in-history.ts'
import { SIGN_IN_RESULTS } from '../../../src/domain/sign-in/sign-in-result.ts'

describe('docs/logs.md', () => {
  const page = readFileSync('docs/logs.md', 'utf8')
  const sectionOf = (heading: string) =>
    page.split(/^#+ /m).find(section => section.startsWith(`${heading}\n`)) ?? ''
  const rowsOf = (heading: string) => {
    const rows = sectionOf(heading).matchAll(/^\| `(\w+)` \| (.*) \|$/gm)
    return Object.fromEntries([...rows].map(([, name = '', words = '']) => [name, words]))
  }
  const namesIn = (text: string) => [...text.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name)

  it.each([
    ['the fields of the log', 'Fields', LOG_FIELDS],
    ['the reasons for which sign-ins end', 'Why a sign-in ended', PAST_REASONS],
    ['the results of attempts', 'What an attempt to sign in came to', SIGN_IN_RESULTS],
  ])('has %s in the words of the code', (_, heading, table) => {
    expect(rowsOf(heading)).toEqual(table)
  })

  it('has every reason of the OAuth endpoints', () => {
    expect(namesIn(sectionOf('At the OAuth endpoints'))).toEqual(OAUTH_REASONS)
  })

  it('has every reason of a failed delivery', () => {
    const [, list = ''] = sectionOf('Why a delivery failed').split('one of these:\n\n')
    expect(namesIn(list.split('\n\n')[0] ?? '')).toEqual(DELIVERY_FAILURES)
  })

  it('has every reason of a problem beside its code', () => {
    const rows = Object.entries(rowsOf('At the account API and in administration'))
    expect(Object.fromEntries(rows.map(([code, reasons]) => [code, namesIn(reasons)]))).toEqual(
      PROBLEM_REASONS,
    )
  })
})
