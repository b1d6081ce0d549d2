import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { api } from '../../auth.js'
import { readSession } from '../../session.js'

/** The access token goes from this server to the API, and never into the browser. */
const fetchOrders = async ({ access_token }) => {
  const response = await fetch(new URL('/orders', api), {
    headers: { authorization: `Bearer ${access_token}` },
    cache: 'no-store',
  })
  return response.ok ? response.json() : null
}

export default async function Orders() {
  const session = await readSession(await cookies())
  if (session === null) redirect('/api/auth/signin?callbackUrl=/orders')
  const orders = await fetchOrders(session)
  return (
    <main>
      <h1>Your orders</h1>
      <p>{orders === null ? 'The orders cannot be read now.' : `The API knows you as ${orders.sub}`}</p>
      <a href="/">Home</a>
    </main>
  )
}
