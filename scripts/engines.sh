#!/bin/sh
# Installs into build/engines what the tests of the engines start: Flink, and Beam's job servers
# for it and for Spark. Needs Java 17, Maven and .venv; what is there stays.
set -eu
cd "$(dirname "$0")/.."

FLINK=1.19.3
engines=build/engines
mkdir -p "$engines"

command -v java >/dev/null && command -v mvn >/dev/null || {
    echo "engines: needs Java 17 and Maven (Debian: openjdk-17-jdk-headless maven)" >&2
    exit 2
}
if [ ! -d "$engines/flink/pyflink/lib" ]; then
    echo "engines: installing Flink $FLINK"
    # The package is Flink itself; its Python side is another one.
    .venv/bin/uv pip install -q --no-deps --target "$engines/flink" "apache-flink-libraries==$FLINK"
fi
for engine in flink spark; do
    if [ ! -e "$engines/$engine-job-server.jar" ]; then
        echo "engines: building Beam's job server for $engine"
        mvn -q -B -f tests/engines/java/pom.xml package -P "$engine" "-DbuildDirectory=$PWD/$engines/$engine-build"
        mv "$engines/$engine-build/$engine-job-server.jar" "$engines/"
        rm -rf "$engines/$engine-build"
    fi
done
