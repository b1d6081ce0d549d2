/** The effective uid of this process, which owns the files that the process creates. 0 on a system without uids. */
export const thisUser = (): number => process.geteuid?.() ?? 0
