/** What the pages of an origin keep of a sign-in, in a Storage that may refuse: private windows and full disks do. */
export type PageStore = Readonly<{
  read(): Readonly<Record<string, unknown>> | null
  write(value: Readonly<Record<string, unknown>> | null): void
}>

/**
 * One JSON object under one key. An object that the storage refused lives as long as the page; one that it took is the storage's alone, so
 * that the page does not bring back what another tab has removed.
 */
export const openPageStore = (storage: () => Storage, key: string): PageStore => {
  let refused: string | null = null
  return {
    read: () => {
      const text = refused ?? attempt(() => storage().getItem(key))
      const value: unknown = text === null ? null : attempt(() => JSON.parse(text))
      return typeof value === 'object' && value !== null ? { ...value } : null
    },
    write: value => {
      const text = value === null ? null : JSON.stringify(value)
      const stored = attempt(() => {
        if (text === null) storage().removeItem(key)
        else storage().setItem(key, text)
        return true
      })
      refused = stored === true ? null : text
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
