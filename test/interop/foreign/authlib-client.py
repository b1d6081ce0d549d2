# Authlib's client, driven by lines: prints where the person is to be sent, reads where the flow ended, prints what it got.
# Start: python3 authlib-client.py ISSUER CLIENT_ID CLIENT_SECRET REDIRECT_URI
import json
import os
import sys

# The issuer of the tests is http on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oidc.core import CodeIDToken

issuer, client_id, client_secret, redirect_uri = sys.argv[1:]
client = OAuth2Session(
    client_id,
    client_secret,
    scope="openid email offline_access",
    redirect_uri=redirect_uri,
    code_challenge_method="S256",
)
metadata = client.get(f"{issuer}/.well-known/openid-configuration", withhold_token=True).json()
nonce, code_verifier = generate_token(), generate_token(48)
url, state = client.create_authorization_url(
    metadata["authorization_endpoint"], nonce=nonce, code_verifier=code_verifier
)
print(url, flush=True)

token = client.fetch_token(
    metadata["token_endpoint"],
    authorization_response=sys.stdin.readline().strip(),
    state=state,
    code_verifier=code_verifier,
)
keys = JsonWebKey.import_key_set(client.get(metadata["jwks_uri"], withhold_token=True).json())
claims = jwt.decode(
    token["id_token"],
    keys,
    claims_cls=CodeIDToken,
    claims_options={"iss": {"value": issuer}, "aud": {"value": client_id}},
    claims_params={"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
)
claims.validate()
userinfo = client.get(metadata["userinfo_endpoint"]).json()
fresh = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
revoked = client.revoke_token(
    metadata["revocation_endpoint"], token=fresh["refresh_token"], token_type_hint="refresh_token"
)
print(json.dumps({"claims": claims, "userinfo": userinfo, "revoked": revoked.status_code}), flush=True)
