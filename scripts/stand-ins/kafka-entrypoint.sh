#!/usr/bin/env bash
# Does what the official image does with the variables that compose.yaml sets: KAFKA_LOG_DIRS becomes log.dirs.
set -euo pipefail
file=/opt/kafka/config/server.properties
: > "$file"
while IFS='=' read -r name value; do
  case "$name" in
    KAFKA_HEAP_OPTS | KAFKA_OPTS | KAFKA_JVM_PERFORMANCE_OPTS | KAFKA_JMX_* | KAFKA_LOG4J_*) continue ;;
    KAFKA_*) ;;
    *) continue ;;
  esac
  property="$(sed -e 's/^KAFKA_//' -e 's/___/-/g' -e 's/__/\x01/g' -e 's/_/./g' -e 's/\x01/_/g' <<< "$name")"
  echo "${property,,}=$value" >> "$file"
done < <(env)
# shellcheck disable=SC2206 # several options in one variable
options=(${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS:-} ${KAFKA_OPTS:-} -cp '/opt/kafka/libs/*')
java "${options[@]}" kafka.tools.StorageTool format --ignore-formatted -t "$CLUSTER_ID" -c "$file"
exec java "${options[@]}" kafka.Kafka "$file"
