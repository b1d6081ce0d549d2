import { readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { askApp } from '../support/bindings.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'

const HERE = 'examples/deploy'

/** A metric, and what a query asks of its labels: a value for `=`, every alternative for `=~`. */
type Selector = Readonly<{ metric: string; labels: readonly (readonly [string, string])[] }>

/** Throws for a query that is not PromQL. */
const selectorsOf = (query: string): readonly Selector[] => {
  const expression = query.replaceAll('$__rate_interval', '5m')
  const selectors: { metric: string; labels: [string, string][] }[] = []
  let label = ''
  parser.parse(expression).iterate({
    enter: ({ name, from, to, type }) => {
      const text = expression.slice(from, to)
      if (type.isError) throw new Error(`no PromQL at ${from}: ${query}`)
      if (name === 'VectorSelector') selectors.push({ metric: text.replace(/\{.*$/s, ''), labels: [] })
      if (name === 'LabelName') label = text
      if (name === 'StringLiteral')
        for (const value of text.slice(1, -1).split('|')) selectors.at(-1)?.labels.push([label, value])
    },
  })
  return selectors
}

const rulesFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Signet[A-Z]\w+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['info', 'warning', 'critical']) }),
          annotations: z.strictObject({
            summary: z.string().endsWith('.'),
            action: z.string().min(10).endsWith('.'),
          }),
        }),
      ),
    }),
  ),
})
const dashboardFile = z.object({
  panels: z.array(
    z.object({
      id: z.int(),
      title: z.string(),
      targets: z.array(z.object({ expr: z.string() })).optional(),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
    }),
  ),
})

describe('the alerts and the dashboard', () => {
  let deployment: Deployment
  let signet: Instance
  /** Each metric of a running server, with the labels of its series. */
  const served = new Map<string, ReadonlyMap<string, string>[]>()
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start({
      environment: {
        REDIS_URL: deployment.environment['REDIS_URL'] ?? 'redis://127.0.0.1:1',
        SMTP_URL: 'smtp://127.0.0.1:1',
        MAIL_FROM: 'signet@example.com',
      },
    })
    await askApp(signet.app, '/token', { method: 'POST' })
    if (signet.internalApp === null) throw new Error('there is no internal listener')
    const text = await (await askApp(signet.internalApp, '/metrics')).text()
    for (const [, name = ''] of text.matchAll(/^# TYPE (\w+) \w+$/gm)) served.set(name, [])
    for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
      const series = new Map(
        [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
      )
      served.set(name, [...(served.get(name) ?? []), series])
    }
  })
  afterAll(() => deployment.close())

  const rules = rulesFile.parse(parse(readFileSync(`${HERE}/prometheus/rules.yaml`, 'utf8')))
  const alerts = rules.groups.flatMap(group => group.rules)
  const { panels } = dashboardFile.parse(JSON.parse(readFileSync(`${HERE}/grafana/dashboard.json`, 'utf8')))
  const queries = [
    ...alerts.map(({ alert, expr }) => [alert, expr] as const),
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ]
  /** Prometheus adds these: the metric, and the labels of what it scrapes. */
  const ofPrometheus = { metric: 'up', labels: ['job', 'instance'] }

  it.each(queries)('%s asks for metrics that a server has: %s', (_, query) => {
    const selectors = selectorsOf(query)
    expect(selectors.length).toBeGreaterThan(0)
    for (const { metric, labels } of selectors) {
      if (metric === ofPrometheus.metric) continue
      expect(served.has(metric), metric).toBe(true)
      for (const [label, value] of labels) {
        if (ofPrometheus.labels.includes(label)) continue
        const values = (served.get(metric) ?? []).map(series => series.get(label))
        const asked = new RegExp(`^(?:${value})$`)
        // A status of the 5xx has no series before the first fault.
        if (label === 'status') expect(values.some(one => one !== undefined)).toBe(true)
        else
          expect(
            values.some(one => one !== undefined && asked.test(one)),
            `${label}=${value}`,
          ).toBe(true)
      }
    }
  })

  it('tells a query of another metric, of an unknown value, and no query at all', () => {
    expect(selectorsOf('rate(signet_nothing{verdict=~"a|b"}[5m])')).toEqual([
      {
        metric: 'signet_nothing',
        labels: [
          ['verdict', 'a'],
          ['verdict', 'b'],
        ],
      },
    ])
    expect(() => selectorsOf('sum(rate(signet_requests_total[5m])')).toThrow('no PromQL')
  })

  it('names each alert once, and lays no panel over another', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
  })
})
