import type { Writable } from 'node:stream'
import { SingleBar } from 'cli-progress'

export type Progress = Readonly<{ show: (done: number) => void; end: () => void }>

const NOTHING: Progress = { show: () => {}, end: () => {} }

/** A progress bar; none without a screen, or where the total is not known. */
export const openProgress = (
  screen: Writable | undefined,
  { what, total }: { what: string; total: number | null },
): Progress => {
  if (screen === undefined || total === null || total === 0) return NOTHING
  const bar = new SingleBar({
    stream: screen,
    format: `${what} {bar} {percentage}% | {eta_formatted} left`,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    hideCursor: true,
    etaBuffer: 100,
  })
  bar.start(total, 0)
  return { show: done => bar.update(done), end: () => bar.stop() }
}
