/** The subject of a check, and its fault; null where there is none. A note points to a setting that may not be as it was meant. */
export type Finding = Readonly<{ check: string; fault: string | null; note?: string }>

export type Found = Omit<Finding, 'check'>
