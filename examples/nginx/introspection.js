// RFC 7662 – Asks /introspect about the token of a request. 204 lets the request through, 401 does not.
// The client whose secret nginx has is registered with "protected_resources": the audience of this service. Signet calls every
// token for another audience inactive.
// njs takes a default export alone.
export default { judge }

async function judge(r) {
  const found = /^Bearer +([\w.~+/-]+=*)$/i.exec(r.headersIn.Authorization || '')
  if (found === null) return refuse(r, 'Bearer')
  const answer = await r.subrequest('/_introspect', {
    method: 'POST',
    body: `token=${encodeURIComponent(found[1])}`,
  })
  if (answer.status !== 200) return r.return(503)
  const token = JSON.parse(answer.responseText)
  if (!token.active) return refuse(r, 'Bearer error="invalid_token"')
  r.headersOut['X-Sub'] = token.sub
  r.return(204)
}

function refuse(r, challenge) {
  r.headersOut['WWW-Authenticate'] = challenge
  r.return(401)
}
