/** What the pages of an origin keep of a sign-in, in a Storage that may refuse: private windows and full disks do. */
export type PageStore = Readonly<{
  read(): Readonly<Record<string, unknown>> | null
  write(value: Readonly<Record<string, unknown>> | null): void
}>

/** One JSON object under one key. Where the storage refuses, the object lives as long as the page. */
export const openPageStore = (storage: () => Storage, key: string): PageStore => {
  let fallback: string | null = null
  return {
    read: () => {
      const text = attempt(() => storage().getItem(key)) ?? fallback
      const value: unknown = text === null ? null : attempt(() => JSON.parse(text))
      return typeof value === 'object' && value !== null ? { ...value } : null
    },
    write: value => {
      fallback = value === null ? null : JSON.stringify(value)
      attempt(() => (fallback === null ? storage().removeItem(key) : storage().setItem(key, fallback)))
    },
  }
}

const attempt = <T>(work: () => T): T | null => {
  try {
    return work()
  } catch {
    return null
  }
}
