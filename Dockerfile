# Builds everything with the set-up that `npm start` uses, then keeps what runs. docs/container.md has its arguments,
# its secrets and what its layers weigh.
# docker build -t menagerie . && docker run --rm -p 127.0.0.1:8080:8080 menagerie

ARG NODE_IMAGE=node:22-bookworm-slim
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG SYSTEM_IMAGE=debian:bookworm-slim
# Which runtimes are in it: libtensorflow, onnxruntime, or auto for both.
ARG RUNTIME=libtensorflow

FROM ${NODE_IMAGE} AS node

FROM ${RUST_IMAGE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3-pip binutils ca-certificates \
  && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
RUN useradd --uid 1000 --no-create-home --home-dir /menagerie --shell /usr/sbin/nologin menagerie
WORKDIR /menagerie
COPY . .
ARG RUNTIME
ENV RUNTIME=${RUNTIME}
# The cache inside the clone, so that the next stage can copy from it.
ENV MENAGERIE_CACHE_DIR=/menagerie/.cache
# Where the registries are reached by settings and certificates of one's own; nothing of them stays in the image.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
  --mount=type=secret,id=pip,target=/etc/pip.conf \
  --mount=type=secret,id=cargo,target=/.cargo/config.toml \
  --mount=type=secret,id=certificates,target=/run/certificates.pem \
  if [ -s /run/certificates.pem ]; then \
    export NODE_EXTRA_CA_CERTS=/run/certificates.pem PIP_CERT=/run/certificates.pem CARGO_HTTP_CAINFO=/run/certificates.pem; \
  fi \
  && node scripts/setup.mjs
# What is not needed to run: symbols, which are a quarter of libtensorflow; what only editors and debuggers read; the binary
# for another C library; tests of packages, and copies of their code for bundlers.
RUN mkdir -p .cache/libtensorflow .cache/onnxruntime data/models \
  && find .cache/libtensorflow .cache/onnxruntime -type f -name '*.so*' -exec strip --strip-unneeded {} + \
  && strip --strip-unneeded /usr/local/bin/node target/release/menagerie-engine native/addon/*.node \
  && npm prune --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/@libsql/linux-*-musl node_modules/*/test node_modules/@opentelemetry/*/build/esm \
    node_modules/@opentelemetry/*/build/esnext node_modules/@aws-sdk/*/dist-es node_modules/@smithy/*/dist-es \
  && find node_modules node/dist wasm/pkg -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete

FROM ${SYSTEM_IMAGE}
# Nothing is run in this stage, so that it may begin with an image that has no shell.
COPY --from=build /etc/passwd /etc/group /etc/
WORKDIR /menagerie
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /menagerie/.cache/libtensorflow .cache/libtensorflow
COPY --from=build /menagerie/.cache/onnxruntime .cache/onnxruntime
COPY --from=build /menagerie/node_modules node_modules
COPY --from=build /menagerie/native/addon native/addon
COPY --from=build /menagerie/target/release/menagerie-engine target/release/menagerie-engine
COPY --from=build /menagerie/wasm/package.json wasm/package.json
COPY --from=build /menagerie/wasm/pkg wasm/pkg
COPY --from=build /menagerie/node node
COPY package.json LICENSE ./
COPY models models
# Registered models, and what is remembered of answers.
COPY --from=build --chown=1000:1000 /menagerie/data data
VOLUME /menagerie/data
# A number: Kubernetes sees in it that the user is not root.
USER 1000:1000
ARG RUNTIME
ENV RUNTIME=${RUNTIME}
# What is fetched goes through the proxies that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name; images by address never do.
ENV NODE_ENV=production NODE_USE_ENV_PROXY=1 HOST=0.0.0.0 PORT=8080 ANONYMOUS_ROLE=infer
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "require('node:http').get({ host: '127.0.0.1', port: process.env.PORT, path: '/readyz', agent: false }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["node", "node/dist/server.js"]
