import NextAuth from 'next-auth'
import { options } from '../../../../auth.js'

const handle = NextAuth(options)

export { handle as GET, handle as POST }
