#!/bin/sh
# Apache takes Signet's tokens. Start: sh examples/apache/start.sh
set -eu
: "${ISSUER:=http://localhost:8080}" "${PORT:=3000}"
: "${AUDIENCE:=http://localhost:3000}"
RUN=$(mktemp -d)
export ISSUER AUDIENCE PORT RUN
mkdir "$RUN/site"
echo '{"sub":"<!--#echo var="REMOTE_USER" -->"}' > "$RUN/site/orders"
# Started by root, it reads its files as another user.
chmod -R a+rX "$RUN"

apache2 -DFOREGROUND -f "$(cd "$(dirname "$0")" && pwd)/httpd.conf" &
trap 'kill $!; wait $! || true; rm -rf "$RUN"' INT TERM
echo "Listening on http://127.0.0.1:$PORT"
wait $! || true
