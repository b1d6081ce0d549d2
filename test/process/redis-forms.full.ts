import { afterAll, beforeAll, describe, it } from 'vitest'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import {
  FORM_NAMES,
  goThrough,
  type OpenForm,
  openForm,
  TROUBLE_NAMES,
} from '../support/redis/redis-matrix.ts'

describe.skipIf(!hasPostgres || !hasRedis)('a server', () => {
  describe.each(FORM_NAMES)('on a Redis of the form %s', name => {
    let form: OpenForm
    beforeAll(async () => {
      form = await openForm(name)
    })
    afterAll(() => form.close())

    it.each(TROUBLE_NAMES)(
      'that is %s lets no ended token in, counts limits, and is healthy again by itself',
      trouble => goThrough(form, trouble),
    )
  })
})
