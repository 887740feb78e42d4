#!/usr/bin/env bash
# Puts the jars of a Kafka broker (43 MB) where the tests look for them; asks for mvn and Java 17.
set -euo pipefail
target="${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/tillstream/kafka-4.1.0}"
if [ -f "$target/complete" ]; then exit 0; fi
echo "fetching Kafka 4.1.0 into $target"
mkdir -p "$target"
mvn -q -B -f "$(dirname "$0")/kafka-pom.xml" dependency:copy-dependencies -DoutputDirectory="$target"
touch "$target/complete"
