/** The timeline of Postgres that all instances remember together. A comment states atomicity and failure. */

/** Ours – The highest timeline of each cluster, so that an instance that has just started refuses a former primary, too. */
export type TimelineMemory = {
  /**
   * Remembers the timeline of the cluster where it is higher than the one that is known. Atomic. Returns the higher of the two; null while
   * it cannot be known. Never rejects.
   */
  raise(system: string, timeline: number): Promise<number | null>
}
