/** The clients that Signet has to know: the page, and programs that call the tools for a person. */
export const clientsOf = origin => [
  {
    client_id: 'tasks',
    client_name: 'Tasks',
    token_endpoint_auth_method: 'none',
    first_party: true,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [`${origin}/callback`],
    post_logout_redirect_uris: [`${origin}/`],
    scope: 'openid profile email offline_access',
    audience: [origin],
  },
  {
    client_id: 'tasks-agent',
    client_name: 'Agent',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
    scope: 'openid offline_access',
    audience: [`${origin}/mcp`],
  },
]
