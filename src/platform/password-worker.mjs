// @ts-check
// Runs in threads of its own: bcrypt on the event loop would hold every other answer up, and on Node's pool every signature.
import { compareSync, hashSync } from 'bcryptjs'

/** @param {{ password: string, cost: number }} task */
export const hash = ({ password, cost }) => hashSync(password, cost)

/** @param {{ password: string, digest: string }} task */
export const matches = ({ password, digest }) => compareSync(password, digest)
