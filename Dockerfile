# Signet as a container: Node, the libraries that it loads, and the server; no shell, no package manager, no build tools.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json tsconfig.types.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build \
  && find dist -name '*.d.ts' -delete

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The SBOM is of what is installed here, and ships with it. npm's own --omit=dev leaves out what a tool needs too.
RUN npm ci --omit=dev --ignore-scripts \
  && npm pkg delete devDependencies \
  && npm sbom --sbom-format=cyclonedx > sbom.json \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete
# Node, what its loader asks for, a user, and two directories that a read-only root is given mounts for.
RUN mkdir -p /run-root/etc /run-root/var/lib /run-root/usr/local/bin \
  && cp /usr/local/bin/node /run-root/usr/local/bin/ \
  && ldd /usr/local/bin/node | grep -o '/[^ ]*' | while read -r library; do cp -L --parents "$library" /run-root/; done \
  && echo 'signet:x:1000:1000::/var/lib/signet:/none' > /run-root/etc/passwd \
  && echo 'signet:x:1000:' > /run-root/etc/group \
  && install -d -m 1777 /run-root/tmp \
  && install -d -m 0700 -o 1000 -g 1000 /run-root/var/lib/signet

FROM scratch
COPY --from=dependencies /run-root/ /
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=dependencies /app/sbom.json ./
COPY package.json openapi.yaml LICENSE ./
COPY drizzle ./drizzle
COPY templates ./templates
COPY --from=build /app/dist ./dist

ENV NODE_ENV=production \
  PATH=/usr/local/bin \
  HOST=0.0.0.0 \
  KEYS_DIR=/var/lib/signet/keys \
  DATA_DIR=/var/lib/signet/data
USER 1000:1000
EXPOSE 8080
# Whether the process is up. A lost database must not restart every replica: readiness is for the load balancer, at /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/livez`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and hears SIGTERM itself. `docker run … migrate` runs any other command of signetd.
ENTRYPOINT ["node", "dist/cli/signetd.js"]
CMD ["serve"]
