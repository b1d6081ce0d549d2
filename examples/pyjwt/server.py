# The same service without any Signet code: Python with PyJWT (Debian: python3-jwt, python3-cryptography).
# Start: python3 examples/pyjwt/server.py
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER = os.environ.get("ISSUER", "http://localhost:8080")
AUDIENCE = os.environ.get("AUDIENCE", "http://localhost:3000")
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json")


def verify(token):
    verified = jwt.api_jwt.decode_complete(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=5,
        options={"require": ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"]},
    )
    # This library does not look at the type: without this line an ID token would pass.
    if verified["header"].get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return verified["payload"]


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/orders":
            return self.answer(404, {"error": "not_found"})
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return self.answer(401, {"error": "unauthorized"}, "Bearer")
        try:
            claims = verify(token.strip())
        except jwt.PyJWTError:
            return self.answer(401, {"error": "invalid_token"}, 'Bearer error="invalid_token"')
        return self.answer(200, {"sub": claims["sub"]})

    def answer(self, status, body, challenge=None):
        self.send_response(status)
        if challenge is not None:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Service)
print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
