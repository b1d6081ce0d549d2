import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { inject } from 'vitest'
import type { App } from '../../src/http/server/app.ts'
import { bindingsOf } from './bindings.ts'

type Json = Readonly<Record<string, unknown>>
type Content = Readonly<
  Record<string, { schema: Json; example?: unknown; 'x-only-when-asked-for'?: boolean }>
>
type Header = Readonly<{ required?: boolean; schema: Json; $ref?: string }>
type Described = Readonly<{ $ref?: string; headers?: Readonly<Record<string, Header>>; content?: Content }>
type Operation = Readonly<{
  operationId: string
  requestBody?: Readonly<{ required?: boolean; content: Content }>
  responses: Readonly<Record<string, Described>>
}>

/** openapi.yaml as data. */
export const openapi = JSON.parse(inject('openapi_json')) as Json & {
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** The node of the document at a JSON pointer in a fragment. */
const at = (pointer: string): unknown =>
  pointer
    .slice(2)
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((node, part) => (node as Json | undefined)?.[part], openapi)

const follow = <T extends { $ref?: string }>(node: T): T =>
  node.$ref === undefined ? node : (at(node.$ref) as T)

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema({ ...openapi, $id: 'api:' })

/** Compiles each schema once. Its references lead into the document. */
const compiled = new Map<Json, ReturnType<typeof ajv.compile>>()
const judge = (schema: Json, value: unknown): string | null => {
  const validate =
    compiled.get(schema) ??
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"api:#/')) as Json)
  compiled.set(schema, validate)
  return validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: 'it' })
}

/** The prefilled bodies of the reference page, each with its fault. A function, since compiling their schemas takes 130 ms. */
export const prefilled = () =>
  Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) =>
      Object.entries(requestBody?.content ?? {}).map(([type, { schema, example }]) => ({
        name: `${method.toUpperCase()} ${path}`,
        type,
        example,
        fault: judge(schema, example),
      })),
    ),
  )

/** Wraps a server so that every exchange is held against openapi.yaml. Throws at the first that disagrees. */
export const checked =
  ({ fetch }: Pick<App, 'fetch'>) =>
  async (request: Request, from?: string): Promise<Response> => {
    const asked = request.clone()
    const response = await fetch(request, bindingsOf(request, from))
    const faults = await judgeExchange(asked, response.clone())
    if (faults.length > 0) {
      const what = `${asked.method} ${new URL(asked.url).pathname} → ${response.status}`
      throw new Error(`openapi.yaml disagrees with ${what}:\n${faults.join('\n')}`)
    }
    return response
  }

/** The faults of an exchange by openapi.yaml. */
export const judgeExchange = async (request: Request, response: Response): Promise<readonly string[]> => {
  const methods = findPath(new URL(request.url).pathname)
  const method = request.method.toLowerCase()
  if (methods === undefined) return response.status === 404 ? [] : ['the path is not described']
  const operation = methods[method === 'head' ? 'get' : method]
  if (operation === undefined) {
    if (response.status === 404 && 'servers' in methods) return []
    if (method === 'options' && response.status === 204) return []
    return response.status === 405 && response.headers.has('allow') ? [] : ['the method is not described']
  }
  // The public listener has no path of the internal one.
  if (response.status === 404 && 'servers' in methods && !('404' in operation.responses)) return []
  const described = operation.responses[response.status]
  if (described === undefined) return [`the status ${response.status} is not described`]
  return [
    ...(response.ok ? await judgeRequest(operation, request) : []),
    ...judgeHeaders(follow(described), response),
    ...(method === 'head' ? [] : await judgeBody(follow(described).content, response)),
  ]
}

const templates = Object.keys(openapi.paths)
  .filter(path => path.includes('{'))
  .map(path => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))

const findPath = (pathname: string) => {
  const exact = openapi.paths[pathname]
  if (exact !== undefined) return exact
  const template = templates.find(({ pattern }) => pattern.test(pathname))
  return template === undefined ? undefined : openapi.paths[template.path]
}

/** A request that the server accepts must be described. A request that it refuses may be anything. */
const judgeRequest = async ({ requestBody }: Operation, request: Request): Promise<readonly string[]> => {
  const text = await request.text()
  if (requestBody === undefined) return text === '' ? [] : ['a request body is not described']
  if (text === '') return requestBody.required === true ? ['the request body is missing'] : []
  const type = mediaTypeOf(request.headers)
  const schema = requestBody.content[type]?.schema
  if (schema === undefined) return [`the request's content type ${type} is not described`]
  const fault = judge(schema, type.endsWith('json') ? JSON.parse(text) : fieldsOf(text))
  return fault === null ? [] : [`request body: ${fault}`]
}

/** RFC 6749 §3.2 – A parameter without a value counts as absent. */
const fieldsOf = (text: string): Json => {
  const form = new URLSearchParams(text)
  const fields = [...form].filter(([, value]) => value !== '')
  return Object.fromEntries(
    fields.map(([name, value]) => [name, form.getAll(name).length > 1 ? form.getAll(name) : value]),
  )
}

const judgeHeaders = ({ headers = {} }: Described, response: Response): readonly string[] =>
  Object.entries(headers).flatMap(([name, header]) => {
    const { required = false, schema } = follow(header)
    const value = response.headers.get(name)
    if (value === null) return required ? [`the header ${name} is missing`] : []
    const fault = judge(schema, value)
    return fault === null ? [] : [`header ${name}: ${fault}`]
  })

const judgeBody = async (content: Content | undefined, response: Response): Promise<readonly string[]> => {
  const text = await response.text()
  if (content === undefined || isOnlyWhenAskedFor(content, response))
    return text === '' ? judgeEmpty(response) : ['a body is not described']
  const type = mediaTypeOf(response.headers)
  const schema = content[type]?.schema
  if (schema === undefined) return [`the content type ${type} is not described`]
  const fault = judge(schema, /[/+]json$/.test(type) ? JSON.parse(text) : text)
  return fault === null ? [] : [`body: ${fault}`]
}

/** RFC 9110 §8.6 – An answer without a body has Content-Length: 0, or a client waits for a body. */
const judgeEmpty = ({ status, headers }: Response): readonly string[] =>
  [204, 304].includes(status) || headers.get('content-length') === '0'
    ? []
    : ['an answer without a body does not say so']

/** An answer whose body depends on the request's Accept has no body when it has no Content-Type. */
const isOnlyWhenAskedFor = (content: Content, { headers }: Response): boolean =>
  !headers.has('content-type') &&
  Object.values(content).every(media => media['x-only-when-asked-for'] === true)

const mediaTypeOf = (headers: Headers): string =>
  headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
