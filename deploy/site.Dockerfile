# The web site: docker build --file deploy/site.Dockerfile .
# Its build runs without node_modules. A site pins the base by --build-arg NODE_IMAGE=…@sha256:…
ARG NODE_IMAGE=node:24-slim
FROM ${NODE_IMAGE} AS build
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM ${NODE_IMAGE}
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=build /app/frontend/build /app/build
COPY frontend/package.json /app/package.json
USER node
WORKDIR /app
ENV NODE_ENV=production
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=1m \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8000/site-health').then((a) => process.exit(a.ok ? 0 : 1))"]
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="portal-site" \
    org.opencontainers.image.description="Human Organs Open Data portal: web site" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.licenses="MIT"
CMD ["node", "--max-old-space-size=96", "--max-semi-space-size=4", "build/index.js"]
