/** Ours – A condition variable: callers wait until they are notified, their time is over, or their request is aborted. */
export const createWaiters = () => {
  const waiting = new Set<() => void>()
  return {
    size: () => waiting.size,
    wait: (milliseconds: number, signal: AbortSignal): Promise<void> =>
      new Promise(resolve => {
        if (signal.aborted) return resolve()
        const done = () => {
          clearTimeout(timeout)
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const timeout = setTimeout(done, milliseconds)
        signal.addEventListener('abort', done)
        waiting.add(done)
      }),
    notifyAll: (): void => {
      for (const resolve of waiting) resolve()
    },
  }
}
