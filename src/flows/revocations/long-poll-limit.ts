type Most = Readonly<{ in_all: number; of_one: number }>

/** Ours – Counts the requests that wait for an answer: each holds memory and a connection meanwhile. */
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
    /**
     * `taken` when this address has too many waiting requests, `full` when all addresses together have; else the function that ends the
     * wait.
     */
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
