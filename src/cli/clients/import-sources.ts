import { convertHydraClient } from '../../domain/moving/hydra-clients.ts'
import { convertKeycloakClient } from '../../domain/moving/keycloak-clients.ts'
import type { ConvertClient } from '../../domain/moving/source-client.ts'
import { isRecord, type SourceRecord } from '../../domain/moving/source-record.ts'
import { CLIENTS_MOST } from '../../domain/oauth/client.ts'
import type { Io } from '../terminal/io.ts'
import { readText } from '../terminal/text-input.ts'

/** Bytes of an export, at most: a realm may have its accounts beside its clients. */
const EXPORT_MAX_BYTES = 64 * 1024 * 1024

/** Depth of an export, at most. Exports have about eight; a deeper text could exhaust the stack of a later step. */
const EXPORT_MAX_DEPTH = 64

type ClientSource = Readonly<{
  convert: ConvertClient
  /** The member of an outermost object that has the list of clients. */
  member: string
  /** The member that makes an outermost object one client itself. */
  id: string
  /** The member with which an outermost object says that another page follows; it is empty at the last page. */
  next?: string
}>

const SOURCES: Readonly<Record<string, ClientSource>> = {
  keycloak: { convert: convertKeycloakClient, member: 'clients', id: 'clientId' },
  hydra: { convert: convertHydraClient, member: 'items', id: 'client_id', next: 'next_page_token' },
}

export const CLIENT_SOURCES = Object.keys(SOURCES)

export const findClientSource = (name: string | undefined): ClientSource | null =>
  Object.entries(SOURCES).find(([each]) => each === name)?.[1] ?? null

/** `warning`: what the export does not have. */
type ReadExport = Readonly<{ records: readonly SourceRecord[]; warning: string | null } | { fault: string }>

/** The records of an export: a realm or a page of a list, several of them, a list of clients, or one client. */
export const readClientExport = async (
  io: Io,
  { path, source }: Readonly<{ path: string; source: ClientSource }>,
): Promise<ReadExport> => {
  const read = await readText(io, { path, max_bytes: EXPORT_MAX_BYTES })
  if ('fault' in read) return read
  if (depthOf(read.text) > EXPORT_MAX_DEPTH)
    return { fault: `${path} is nested more than ${EXPORT_MAX_DEPTH} deep: name the file that was exported` }
  const json = parseExport(read.text)
  if (json === undefined) return { fault: `${path} is not JSON: name the file that was exported` }
  const records = recordsOf(json, source)
  if (records.length === 0) return { fault: `${path} has no clients: name the file that was exported` }
  return records.length > CLIENTS_MOST
    ? { fault: `${path} has more than ${CLIENTS_MOST} clients, and no server keeps more` }
    : { records, warning: hasMore(json, source) ? `${path} ${PAGE_OF_SEVERAL}` : null }
}

const PAGE_OF_SEVERAL =
  'ends with a next_page_token: the provider has more clients; export the other pages too, and import each of them'

/** Of several pages in one file, the last one says whether others follow. */
const hasMore = (json: unknown, { next }: ClientSource): boolean => {
  const last = (Array.isArray(json) ? json : [json]).findLast(isRecord)
  const token = next === undefined ? undefined : last?.[next]
  return typeof token === 'string' && token !== ''
}

const parseExport = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const recordsOf = (json: unknown, source: ClientSource): readonly SourceRecord[] => {
  const outermost = (Array.isArray(json) ? json : [json]).filter(isRecord)
  return outermost.flatMap(record => {
    if (source.id in record) return [record]
    const list = record[source.member]
    return Array.isArray(list) ? list.filter(isRecord) : []
  })
}

/** The most brackets that are open at once, outside of strings. */
const depthOf = (text: string): number => {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (isInString && character === '\\') at += 1
    else if (character === '"') isInString = !isInString
    else if (!isInString && (character === '{' || character === '[')) deepest = Math.max(deepest, ++depth)
    else if (!isInString && (character === '}' || character === ']')) depth -= 1
  }
  return deepest
}
