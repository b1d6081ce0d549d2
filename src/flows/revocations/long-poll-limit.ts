type Most = Readonly<{ in_all: number; of_one: number }>

/** Ours – Counts the requests that wait for an answer: each costs memory and a connection for as long. */
export const createLongPollLimit = ({ in_all, of_one }: Most) => {
  const counts = new Map<string, number>()
  let size = 0

  const leave = (key: string) => {
    const left = (counts.get(key) ?? 1) - 1
    size -= 1
    if (left === 0) counts.delete(key)
    else counts.set(key, left)
  }

  return {
    /** `taken` when this one waits already too often, `full` when all do together; or what ends the wait. */
    enter: (key: string): 'taken' | 'full' | (() => void) => {
      const count = counts.get(key) ?? 0
      if (count >= of_one) return 'taken'
      if (size >= in_all) return 'full'
      size += 1
      counts.set(key, count + 1)
      return () => leave(key)
    },
  }
}
