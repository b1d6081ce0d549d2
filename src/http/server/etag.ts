/** RFC 9110 §13.1.2 – A list, compared weakly: a proxy that compresses makes the tag a weak one. */
export const matchesEtag = (etag: string, ifNoneMatch = ''): boolean =>
  ifNoneMatch.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
