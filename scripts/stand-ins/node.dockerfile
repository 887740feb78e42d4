ARG BASE
FROM $BASE
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libatomic1 \
  && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
# The registry and the certificates that this machine is set up with.
COPY npmrc /usr/local/etc/npmrc
COPY certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
