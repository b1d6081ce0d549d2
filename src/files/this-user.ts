/** The user that this process acts as: what it makes belongs to this uid. 0 where the system knows no users. */
export const thisUser = (): number => process.geteuid?.() ?? 0
