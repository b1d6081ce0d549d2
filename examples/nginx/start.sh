#!/bin/sh
# nginx takes Signet's tokens. Start: CLIENT_ID=… CLIENT_SECRET=… sh examples/nginx/start.sh
set -eu
: "${ISSUER:=http://localhost:8080}" "${PORT:=3000}"
HERE=$(cd "$(dirname "$0")" && pwd)
RUN=$(mktemp -d)
# Started by root, it writes as another user.
chmod 755 "$RUN"
BASIC=$(printf %s "$CLIENT_ID:$CLIENT_SECRET" | base64 -w 0)
# The secret is in this file.
umask 077
sed -e "s|\${ISSUER}|$ISSUER|" -e "s|\${PORT}|$PORT|" -e "s|\${BASIC}|$BASIC|" -e "s|\${RUN}|$RUN|" -e "s|\${HERE}|$HERE|" \
  "$HERE/nginx.conf" > "$RUN/nginx.conf"

nginx -c "$RUN/nginx.conf" &
trap 'kill $!; wait $! || true; rm -rf "$RUN"' INT TERM
echo "Listening on http://127.0.0.1:$PORT"
wait $! || true
