#!/usr/bin/env bash
# Tries the whole system in containers, for anyone with Docker: brings compose.yaml up as a project of its own,
# sends the pizza year and a week of orders through Kafka, checks the exact figures and the audit, measures the
# memory of all containers, and takes everything down again.
#   ORDERS=50000 TRICKLE_SECONDS=60 KEEP=1 (leaves it running) scripts/try-compose.sh
# Where no image can be pulled, run scripts/stand-ins.sh first.
set -euo pipefail
cd "$(dirname "$0")/.."
orders="${ORDERS:-50000}"
trickle_seconds="${TRICKLE_SECONDS:-60}"
# 3 GB, in MiB.
memory_limit=2861
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-tillstream-try}"
export GATEWAY_ADDRESS="${GATEWAY_ADDRESS:-127.0.0.1:18080}"
export PROMETHEUS_ADDRESS="${PROMETHEUS_ADDRESS:-127.0.0.1:19090}"
export GRAFANA_ADDRESS="${GRAFANA_ADDRESS:-127.0.0.1:13000}"

if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
work="$(mktemp -d)"
own_settings=
sampler=

finish() {
  code=$?
  trap - EXIT
  [ -z "$sampler" ] || kill "$sampler" 2>/dev/null || true
  if [ "$code" -ne 0 ]; then
    "${compose[@]}" ps || true
    "${compose[@]}" logs --no-color --tail 30 || true
  fi
  if [ -z "${KEEP:-}" ]; then
    "${compose[@]}" down --volumes --timeout 30 >/dev/null 2>&1 || true
    [ -z "$own_settings" ] || rm -f .env
  fi
  rm -rf "$work"
  [ "$code" -eq 0 ] || echo "FAILED"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

if [ ! -f .env ]; then
  # Secrets of its own, with an end that is not plain: addresses have to be made of them all the same.
  own_settings=1
  random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
  while IFS= read -r line; do
    case "$line" in
      POSTGRES_PASSWORD= | REDIS_PASSWORD=) echo "$line$(random)@/:%?" ;;
      ADMIN_TOKEN= | GRAFANA_PASSWORD= | ERASURE_KEY= | METRICS_TOKEN=) echo "$line$(random)" ;;
      *) echo "$line" ;;
    esac
  done < deploy/compose.env.example > .env
fi

mapfile -t services < <("${compose[@]}" config --services)
grafana_image="$(sed -n '/^  grafana:$/,/^    image:/s/^    image: //p' compose.yaml)"
if ! docker image inspect "$grafana_image" >/dev/null 2>&1 && ! docker pull -q "$grafana_image" >/dev/null 2>&1; then
  echo "Grafana is left out: $grafana_image cannot be pulled"
  mapfile -t services < <(printf '%s\n' "${services[@]}" | grep -vx grafana)
fi

# MiB of all services now, each on a line with its name, then the sum.
measure() {
  mapfile -t containers < <("${compose[@]}" ps -q "${services[@]}")
  docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' "${containers[@]}" | awk '
    /[_-]run[_-]/ { next }
    { value = $2; unit = 1 / 1048576
      if (value ~ /KiB/) unit = 1 / 1024; else if (value ~ /MiB/) unit = 1; else if (value ~ /GiB/) unit = 1024
      printf "%s %.0f\n", $1, value * unit; sum += value * unit }
    END { printf "SUM %.0f\n", sum }'
}

# Samples until stopped; the largest sum and what it was made of stand in $work/$1.
start_measuring() {
  (
    largest=0
    while true; do
      measure > "$work/sample" 2>/dev/null || true
      sum="$(sed -n 's/^SUM //p' "$work/sample")"
      if [ "${sum:-0}" -gt "$largest" ]; then
        largest="$sum"
        cp "$work/sample" "$work/$1"
      fi
      sleep 1
    done
  ) &
  sampler=$!
}

stop_measuring() {
  kill "$sampler" 2>/dev/null || true
  wait "$sampler" 2>/dev/null || true
  sampler=
  sum="$(sed -n 's/^SUM //p' "$work/$1")"
  echo "memory $2: at most $sum MiB of $memory_limit, in all containers"
  grep -v '^SUM' "$work/$1" | sort -k2 -n -r | sed -e "s/^${COMPOSE_PROJECT_NAME}[_-]/  /" -e 's/[_-]1 / /' -e 's/$/ MiB/'
  if [ "$sum" -gt "$memory_limit" ]; then
    echo "more than 3 GB"
    exit 1
  fi
}

# A command in a container of the program, beside the services.
in_container() {
  "${compose[@]}" run --rm -T --no-deps -v "$PWD/scripts:/app/scripts:ro" --entrypoint node worker "$@"
}

started=$SECONDS
"${compose[@]}" build -q worker
size="$(docker image inspect --format '{{.Size}}' "${TILLSTREAM_IMAGE:-tillstream}")"
echo "image: $((size / 1000000)) MB"
[ "$size" -lt 350000000 ]
echo "built in $((SECONDS - started)) s"

started=$SECONDS
"${compose[@]}" up -d "${services[@]}"
for service in "${services[@]}"; do
  until [ "$(docker inspect --format '{{.State.Health.Status}}' "$("${compose[@]}" ps -q "$service")")" = healthy ]; do
    if [ $((SECONDS - started)) -gt 300 ]; then
      echo "$service is not healthy after five minutes"
      exit 1
    fi
    sleep 1
  done
  restarts="$(docker inspect --format '{{.RestartCount}}' "$("${compose[@]}" ps -q "$service")")"
  [ "$restarts" -eq 0 ] || { echo "$service had to be started $((restarts + 1)) times"; exit 1; }
done
echo "${#services[@]} services healthy in $((SECONDS - started)) s, each at its first start"

exec 3<> "/dev/tcp/${GATEWAY_ADDRESS%:*}/${GATEWAY_ADDRESS##*:}"
printf 'GET /readyz HTTP/1.0\r\nHost: gateway\r\n\r\n' >&3
read -r -t 10 status <&3
exec 3<&-
case "$status" in *" 200 "*) echo "the gateway answers at $GATEWAY_ADDRESS" ;; *) echo "$status"; exit 1 ;; esac

in_container scripts/try-compose.ts addresses
start_measuring year
in_container scripts/try-compose.ts year
stop_measuring year "during the pizza year"
start_measuring trickle
in_container scripts/try-compose.ts trickle "$trickle_seconds"
stop_measuring trickle "at 5 orders a minute"
start_measuring orders
in_container scripts/try-compose.ts orders "$orders"
stop_measuring orders "during the load of $orders orders"
start_measuring audit
in_container src/main.ts audit
stop_measuring audit "during the audit"
in_container src/main.ts doctor
echo "OK"
