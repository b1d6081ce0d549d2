import { type ResourceLimits, Worker } from 'node:worker_threads'

type Options = Readonly<{
  /**
   * The text of the module that each thread runs. The module answers each message with `{ value }` or `{ error }`. It imports what
   * Node has; packages it requires, because an import finds none from a data: URL.
   */
  source: string
  worker_data: unknown
  /** Threads at most. A thread is started when there is work for it. */
  max_threads: number
  /** How long a thread without work stays. */
  idle_milliseconds: number
  resource_limits: ResourceLimits
}>

export type WorkerThreads = Readonly<{
  /** Rejects with the error of the module, also when the thread dies in the middle of the task. */
  run: (task: object) => Promise<unknown>
  /** Tasks that wait for a thread. */
  waiting: () => number
  /** Ends all threads. What has not been answered is rejected. */
  close: () => Promise<void>
}>

type Job = Readonly<{ task: object; resolve: (value: unknown) => void; reject: (error: unknown) => void }>
type Answer = Readonly<{ value: unknown }> | Readonly<{ error: unknown }>
type Thread = Readonly<{ take: (job: Job) => void; end: () => Promise<void> }>

/**
 * Ours – A pool of worker threads with one task each, and a queue before them. Threads start and end all the time: their module is
 * kept as text, so that a build that replaces its file does not give a running process the threads of another version.
 */
export const openWorkerThreads = (options: Options): WorkerThreads => {
  const queue: Job[] = []
  const threads = new Set<Thread>()
  /** The one that worked last is taken first, so that threads that are not needed end. */
  const idle = new Map<Thread, NodeJS.Timeout>()
  let isClosed = false

  const dispatch = () => {
    for (let job = queue[0]; job !== undefined; job = queue[0]) {
      const thread = takeIdle() ?? (threads.size < options.max_threads ? open() : null)
      if (thread === null) return
      queue.shift()
      thread.take(job)
    }
  }
  const takeIdle = (): Thread | null => {
    const thread = [...idle.keys()].at(-1) ?? null
    if (thread !== null) forget(thread)
    return thread
  }
  const forget = (thread: Thread) => {
    clearTimeout(idle.get(thread))
    idle.delete(thread)
  }
  const open = (): Thread => {
    const thread = startThread(options, {
      onFree: () => {
        const leave = () => void end(thread)
        idle.set(thread, setTimeout(leave, options.idle_milliseconds).unref())
        dispatch()
      },
      onExit: () => {
        forget(thread)
        threads.delete(thread)
        dispatch()
      },
    })
    threads.add(thread)
    return thread
  }
  const end = (thread: Thread) => {
    forget(thread)
    return thread.end()
  }

  return {
    run: task =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(new Error('the worker threads are closed'))
        queue.push({ task, resolve, reject })
        dispatch()
      }),
    waiting: () => queue.length,
    close: async () => {
      isClosed = true
      for (const { reject } of queue.splice(0)) reject(new Error('the worker threads are closed'))
      await Promise.all([...threads].map(end))
    },
  }
}

const startThread = (
  { source, worker_data, resource_limits }: Options,
  { onFree, onExit }: { onFree: () => void; onExit: () => void },
): Thread => {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: worker_data,
    resourceLimits: resource_limits,
  })
  let job: Job | null = null
  const fail = (error: unknown) => {
    job?.reject(error)
    job = null
  }
  worker.on('message', (answer: Answer) => {
    if ('error' in answer) job?.reject(answer.error)
    else job?.resolve(answer.value)
    job = null
    // A thread without work does not keep the process alive.
    worker.unref()
    onFree()
  })
  worker.on('error', fail)
  worker.on('exit', () => {
    fail(new Error('a worker thread ended in the middle of its task'))
    onExit()
  })
  return {
    take: next => {
      job = next
      worker.ref()
      worker.postMessage(next.task, [])
    },
    end: async () => void (await worker.terminate()),
  }
}
