import { cookies } from 'next/headers'
import { readSession } from '../session.js'

export default async function Home() {
  const session = await readSession(await cookies())
  if (session === null)
    return (
      <main>
        <h1>Hello</h1>
        <a href="/api/auth/signin?callbackUrl=/orders">Sign in</a>
      </main>
    )
  return (
    <main>
      <h1>{`Hello, ${session.email}`}</h1>
      <a href="/orders">Your orders</a>
      <form method="post" action="/sign-out">
        <button type="submit">Sign out</button>
      </form>
    </main>
  )
}
