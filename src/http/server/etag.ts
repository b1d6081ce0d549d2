/** RFC 9110 §13.1.2 – True where If-None-Match lists the tag. Compared weakly: a proxy that compresses makes the tag weak. */
export const matchesEtag = (etag: string, ifNoneMatch = ''): boolean =>
  ifNoneMatch.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
