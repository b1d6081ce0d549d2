import { describe } from 'vitest'
import { hasCitus } from '../support/backends.ts'
import { itSurvivesOn, lasting } from '../support/faults/fault.ts'
import { startSupervisedCitus } from '../support/faults/supervised-citus.ts'

// The nodes are of the test: TEST_CITUS_URL says that the Postgres of this machine has the extension.
describe.skipIf(!hasCitus)('Citus', () => {
  itSurvivesOn(startSupervisedCitus, 'a worker is killed three times', async (_, __, { workers }) => {
    for (let turn = 0; turn < 3; turn++) {
      workers[turn % workers.length]?.kill()
      await lasting(3)
    }
  })

  itSurvivesOn(
    startSupervisedCitus,
    'a worker is away for ten seconds',
    async (_, __, { workers: [worker] }) => {
      worker?.takeAway()
      await lasting(10)
      worker?.bringBack()
    },
  )

  itSurvivesOn(startSupervisedCitus, 'the coordinator is killed', async (_, __, { coordinator }) => {
    coordinator.kill()
    await lasting(3)
  })

  itSurvivesOn(
    startSupervisedCitus,
    'every node is killed at once',
    async (_, __, { coordinator, workers }) => {
      for (const node of [coordinator, ...workers]) node.kill()
      await lasting(3)
    },
  )
})
