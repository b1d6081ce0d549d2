import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { HealthFinding } from './answers.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import { plainWordsOf, section, stateBadge, table, textOr } from './parts.ts'

/** What the doctor finds, the faults first. */
export const healthPage = (frame: ConsoleFrame, findings: readonly HealthFinding[]): Page => {
  const order = ['fault', 'warning', 'ok']
  const sorted = findings.toSorted((one, other) => order.indexOf(one.outcome) - order.indexOf(other.outcome))
  const wrong = findings.filter(({ outcome }) => outcome !== 'ok').length
  return consolePage(frame, {
    title: 'Health',
    lead: wrong === 0 ? 'Nothing wrong was found.' : `${wrong} of ${findings.length} checks found something.`,
    tab: 'health',
    content: section({
      title: 'Checks',
      content: table({
        label: 'Checks',
        head: ['Check', 'Outcome', 'What was found', 'What to do'],
        rows: sorted.map(({ check, outcome, detail, advice }) => [
          html`${plainWordsOf(check)}`,
          stateBadge(outcome),
          textOr(detail),
          textOr(advice),
        ]),
        empty: 'No check was made.',
      }),
    }),
  })
}
