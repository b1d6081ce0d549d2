import { createBucket, fitInOne, grow, type IdBucket, redistribute } from './id-bucket.ts'

/** The greatest depth: the low half of an id's last word chooses the bucket, and the high half chooses the slot. */
const DEPTH_MAX = 16

/**
 * The directory of an extendible hash table (Fagin et al., 1979): the lowest bits of an id's last word are the index of its bucket. An
 * overloaded bucket is split in two by one more bit, while all others stay as they are. A growing set is therefore never copied
 * as a whole, which would double its memory and load the garbage collector.
 */
export const createBucketDirectory = () => {
  let buckets = [createBucket(0)]

  const bucketAt = (index: number): IdBucket => buckets[index & (buckets.length - 1)] ?? unreachable()

  /** Enters a bucket at every index that has the same lowest bits as `index`. */
  const enter = (bucket: IdBucket, index: number) => {
    const step = 1 << bucket.depth
    for (let at = index & (step - 1); at < buckets.length; at += step) buckets[at] = bucket
  }

  const split = (bucket: IdBucket, index: number) => {
    const bit = 1 << bucket.depth
    if (bit === buckets.length) buckets = [...buckets, ...buckets]
    bucket.depth += 1
    const sibling = createBucket(bucket.depth)
    enter(sibling, index | bit)
    redistribute(bucket, 0, word => (word & bit ? sibling : bucket))
  }

  /** The sibling of the bucket's last split; null when the sibling was split again, or when both do not fit in one bucket. */
  const mergeableSibling = (bucket: IdBucket, index: number): IdBucket | null => {
    if (bucket.depth === 0) return null
    const sibling = bucketAt(index ^ (1 << (bucket.depth - 1)))
    return sibling.depth === bucket.depth && fitInOne(bucket, sibling) ? sibling : null
  }

  /** Returns how many ids of the sibling had expired, because a sweep that has not reached the sibling yet will not find it. */
  const merge = (bucket: IdBucket, sibling: IdBucket, index: number, now: number): number => {
    const expired = redistribute(sibling, now, () => bucket)
    bucket.depth -= 1
    enter(bucket, index)
    return expired
  }

  return {
    bucketAt,
    buckets: (): ReadonlySet<IdBucket> => new Set(buckets),
    /** Makes room in the overloaded bucket at `index`. */
    relieve: (bucket: IdBucket, index: number): void => {
      // Ids that are not random may share all these bits, so that no split would separate them.
      if (bucket.depth === DEPTH_MAX) grow(bucket)
      else split(bucket, index)
    },
    /** Drops the expired ids of the buckets in one of `shares` equal parts of the directory. Returns their number. */
    sweep: (share: number, shares: number, now: number): number => {
      const end = Math.ceil(((share + 1) * buckets.length) / shares)
      let expired = 0
      for (let index = Math.ceil((share * buckets.length) / shares); index < end; index += 1) {
        const bucket = bucketAt(index)
        // A bucket with several indexes is swept at its lowest one.
        if (index >> bucket.depth !== 0) continue
        expired += redistribute(bucket, now, () => bucket)
        for (let other = mergeableSibling(bucket, index); other; other = mergeableSibling(bucket, index))
          expired += merge(bucket, other, index, now)
      }
      return expired
    },
  }
}

const unreachable = (): never => {
  throw new Error('the directory has no bucket at this index')
}
