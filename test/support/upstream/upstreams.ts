import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPerson, fieldOf, type Person, type Shown } from '../pages/person.ts'

type Entry = Readonly<Record<string, unknown>>

/** An UPSTREAMS_FILE with these providers, and the settings of an instance that reads it. */
export const writeUpstreams = (entries: readonly Entry[]) => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-upstreams-'))
  const file = join(directory, 'upstreams.json')
  const write = (written: readonly Entry[]) => writeFileSync(file, JSON.stringify(written))
  write(entries)
  return {
    entries,
    file,
    directory,
    write,
    environment: { UPSTREAMS_FILE: file, OUTBOUND_ALLOW: '127.0.0.0/8,::1/128' },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

const OWN = (issuer: string) => ({ origin: issuer, 'sec-fetch-site': 'same-origin' })

/** Presses the button of a provider on a page: the answer leads to the provider. */
export const pressUpstream = (
  person: Person,
  page: Pick<Shown, 'text'>,
  { id, issuer }: Readonly<{ id: string; issuer: string }>,
): Promise<Shown> =>
  person.post(`/sign-in/upstream/${id}`, { request: fieldOf(page, 'request') ?? '' }, OWN(issuer))

/** The path and query of an absolute address. */
export const pathOf = (address: string | null): string => {
  const { pathname, search } = new URL(address ?? '')
  return pathname + search
}

/** A person at a browser who signs in at providers, too. */
export const createVisitor = (here: Parameters<typeof createPerson>[0]) => {
  const person = createPerson(here)
  return {
    person,
    /** From the sign-in page to the address of the provider. */
    leave: async (id: string, page?: Shown): Promise<string> => {
      const at = page ?? (await person.open('/sign-in'))
      const answer = await pressUpstream(person, at, { id, issuer: here.issuer })
      if (answer.status !== 303) throw new Error(`${answer.status}: ${answer.text}`)
      return answer.location ?? ''
    },
    /** From the provider's answer to the page that the redirects lead to. */
    comeBack: async (callback: string): Promise<Shown> => person.follow(await person.open(pathOf(callback))),
  }
}
