import { describe } from 'vitest'
import { itSurvives, lasting } from '../support/faults/fault.ts'

describe('the way to Postgres', () => {
  itSurvives(
    'lost acknowledgements: answers are dropped and connections cut, ten times',
    async ({ instances }) => {
      for (let turn = 0; turn < 10; turn++) {
        for (const { proxy } of instances) proxy.loseAnswers()
        await lasting(0.3)
        for (const { proxy } of instances) proxy.cut()
        await lasting(0.5)
      }
    },
  )

  itSurvives('connections that are cut and reset, ten times', async ({ instances: [one, other] }) => {
    for (let turn = 0; turn < 10; turn++) {
      one.proxy.cut()
      other.proxy.reset()
      await lasting(0.3)
    }
  })

  itSurvives(
    'a machine that is gone: connections stay open and carry nothing for eight seconds',
    async ({ instances }) => {
      for (const { proxy } of instances) proxy.stall()
      await lasting(8)
      for (const { proxy } of instances) {
        proxy.heal()
        proxy.cut()
      }
    },
  )

  itSurvives(
    'statements that lie unread on the way for six seconds, and arrive then',
    async ({ instances }) => {
      const resume = instances.map(({ proxy }) => proxy.suspend())
      await lasting(6)
      for (const go of resume) go()
    },
  )

  itSurvives(
    'answers that are delayed by up to 400 ms, and so overtake one another',
    async ({ instances }) => {
      for (const { proxy } of instances) proxy.slow(400)
      await lasting(8)
      for (const { proxy } of instances) proxy.slow(0)
    },
  )

  itSurvives('Postgres refuses connections for three seconds', async ({ instances }) => {
    for (const { proxy } of instances) await proxy.refuse()
    await lasting(3)
    for (const { proxy } of instances) await proxy.accept()
  })
})

describe('the way from the clients', () => {
  itSurvives(
    'lost acknowledgements: answers of both instances are dropped after their commits, and connections cut, ten times',
    async ({ instances }) => {
      for (let turn = 0; turn < 10; turn++) {
        for (const { front } of instances) front.loseAnswers()
        await lasting(0.3)
        for (const { front } of instances) front.cut()
        await lasting(0.5)
      }
    },
  )

  itSurvives(
    'a proxy that cuts one instance and delays the answers of the other by up to 400 ms',
    async ({ instances: [one, other] }) => {
      other.front.slow(400)
      for (let turn = 0; turn < 16; turn++) {
        one.front.cut()
        await lasting(0.5)
      }
      other.front.slow(0)
    },
  )
})
