import { describe } from 'vitest'
import { itSurvives, lasting } from '../support/faults/fault.ts'

describe('processes', () => {
  itSurvives('kill -9 of an instance between commits and answers, four times', async ({ instances }) => {
    for (const instance of [...instances, ...instances]) {
      await lasting(1)
      // From here on it never hears what has been committed for it.
      instance.proxy.loseAnswers()
      await lasting(0.3)
      await instance.kill()
      await instance.restart()
    }
  })

  itSurvives('kill -9 of a backend of Postgres, which ends all others', async ({ database }) => {
    const [victim] = await database.sql<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name = 'signetd' order by backend_start desc limit 1`
    if (victim !== undefined) process.kill(victim.pid, 'SIGKILL')
  })

  itSurvives('frozen backends, which read their statements seven seconds later', async ({ database }) => {
    const frozen = await database.sql<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name = 'signetd'`
    for (const { pid } of frozen) process.kill(pid, 'SIGSTOP')
    await lasting(7)
    for (const { pid } of frozen) process.kill(pid, 'SIGCONT')
  })
})
