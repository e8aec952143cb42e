# The web site: docker build --file deploy/site.Dockerfile .
# Its build runs without node_modules.
FROM node:24-slim AS build
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM node:24-slim
COPY --from=build /app/frontend/build /app/build
COPY frontend/package.json /app/package.json
USER node
WORKDIR /app
ENV NODE_ENV=production
EXPOSE 8000
CMD ["node", "--max-old-space-size=96", "--max-semi-space-size=2", "build/index.js"]
