# Builds everything with the set-up that `npm start` uses, then keeps what runs.
# docker build -t menagerie . && docker run --rm -p 127.0.0.1:8080:8080 menagerie

FROM node:22-bookworm-slim AS node

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3-pip binutils \
  && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
WORKDIR /menagerie
COPY . .
# The cache inside the clone, so that the next stage can copy from it. Symbols are not needed to run: a quarter less.
ENV MENAGERIE_CACHE_DIR=/menagerie/.cache
RUN node scripts/setup.mjs \
  && strip --strip-unneeded .cache/libtensorflow/*/*.so.2 \
  && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
WORKDIR /menagerie
COPY --from=build /menagerie/.cache/libtensorflow .cache/libtensorflow
COPY --from=build /menagerie/node_modules node_modules
COPY --from=build /menagerie/native/addon native/addon
COPY --from=build /menagerie/target/release/menagerie-engine target/release/menagerie-engine
COPY --from=build /menagerie/wasm/package.json wasm/package.json
COPY --from=build /menagerie/wasm/pkg wasm/pkg
COPY --from=build /menagerie/node node
COPY package.json LICENSE ./
COPY models models
# Registered models, and what is remembered of answers.
RUN mkdir -p data/models && chown -R node:node data
VOLUME /menagerie/data
USER node
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 ANONYMOUS_ROLE=infer
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "node/dist/server.js"]
