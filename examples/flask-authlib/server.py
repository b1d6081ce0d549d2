# A Flask application that signs people in with Authlib: authorization code with PKCE, state and nonce, and sign-out at Signet.
# Start: CLIENT_SECRET=… SECRET_KEY=$(openssl rand -hex 32) python3 examples/flask-authlib/server.py
# Debian: python3-flask, python3-authlib, python3-requests. With an issuer that is http on loopback, also AUTHLIB_INSECURE_TRANSPORT=1.
#
# Register it with "client_id": "flask", the grant type "authorization_code", "scope": "openid email profile",
# "redirect_uris": ["http://localhost:3000/callback"] and "post_logout_redirect_uris": ["http://localhost:3000/"].
import os
from urllib.parse import urlencode

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session
from markupsafe import escape

issuer = os.environ.get("ISSUER", "http://localhost:8080")
port = int(os.environ.get("PORT", "3000"))
origin = os.environ.get("ORIGIN", f"http://localhost:{port}")

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=origin.startswith("https:"))

signet = OAuth(app).register(
    "signet",
    client_id=os.environ.get("CLIENT_ID", "flask"),
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{issuer}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
)


@app.get("/login")
def login():
    return signet.authorize_redirect(f"{origin}/callback")


@app.get("/callback")
def callback():
    # Compares the state, redeems the code with its verifier, and validates the ID token with its nonce.
    token = signet.authorize_access_token()
    session.clear()
    session["email"] = token["userinfo"]["email"]
    session["id_token"] = token["id_token"]
    return redirect("/")


@app.get("/")
def home():
    if "email" not in session:
        return '<h1>Hello</h1><a href="/login">Sign in</a>'
    return f'<h1>Hello, {escape(session["email"])}</h1><form method="post" action="/logout"><button>Sign out</button></form>'


@app.post("/logout")
def logout():
    # OpenID Connect RP-Initiated Logout 1.0 §2: Signet knows by the ID token who signs out, and asks nothing.
    hint = {"id_token_hint": session.get("id_token", ""), "post_logout_redirect_uri": f"{origin}/"}
    session.clear()
    return redirect(f"{signet.load_server_metadata()['end_session_endpoint']}?{urlencode(hint)}")


if __name__ == "__main__":
    print(f"Listening on {origin}", flush=True)
    app.run("127.0.0.1", port)
