#!/bin/sh
# Installs into build/engines what the tests of the engines start: Flink, and Beam's job servers
# for it and for Spark; SeaweedFS, an S3 server; and what MLflow's server needs for PostgreSQL. Needs
# Java 17, Maven, Go, MariaDB, PostgreSQL and .venv; what is there stays.
set -eu
cd "$(dirname "$0")/.."

FLINK=1.19.3
FLINK_OPERATOR=1.10.0
SEAWEEDFS=v0.0.0-20261109003541-7506e5f91cd6
PSYCOPG=2.9.11
KUSTOMIZE=v5.7.1
engines=build/engines
mkdir -p "$engines"

command -v java >/dev/null && command -v mvn >/dev/null || {
    echo "engines: needs Java 17 and Maven (Debian: openjdk-17-jdk-headless maven)" >&2
    exit 2
}
for program in go mariadbd postgres; do
    PATH="$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')" command -v "$program" >/dev/null || {
        echo "engines: needs $program (Debian: golang mariadb-server postgresql)" >&2
        exit 2
    }
done
if [ ! -d "$engines/flink/pyflink/lib" ]; then
    echo "engines: installing Flink $FLINK"
    # The package is Flink itself; its Python side is another one.
    .venv/bin/uv pip install -q --no-deps --target "$engines/flink" "apache-flink-libraries==$FLINK"
fi
if [ ! -e "$engines/flink-kubernetes-operator-api.jar" ]; then
    echo "engines: fetching the schemas of Flink's operator"
    mvn -q -B dependency:copy -DoutputDirectory="$PWD/$engines" -Dmdep.stripVersion=true \
        "-Dartifact=org.apache.flink:flink-kubernetes-operator-api:$FLINK_OPERATOR"
fi
for engine in flink spark; do
    if [ ! -e "$engines/$engine-job-server.jar" ]; then
        echo "engines: building Beam's job server for $engine"
        mvn -q -B -f engines/java/pom.xml package -P "$engine" "-DbuildDirectory=$PWD/$engines/$engine-build"
        mv "$engines/$engine-build/$engine-job-server.jar" "$engines/"
        rm -rf "$engines/$engine-build"
    fi
done
if [ ! -x "$engines/weed" ]; then
    echo "engines: building SeaweedFS"
    # Its module has replacements, which Go leaves out of a module that it installs by name.
    module=$(go mod download -json "github.com/seaweedfs/seaweedfs@$SEAWEEDFS" |
        sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp -r "$module" "$engines/weed-sources"
    chmod -R u+w "$engines/weed-sources"
    (cd "$engines/weed-sources" && go build -mod=mod -ldflags "-s -w" -o ../weed ./weed)
    rm -rf "$engines/weed-sources"
fi
if [ ! -d "$engines/python/psycopg2" ]; then
    .venv/bin/uv pip install -q --no-deps --target "$engines/python" "psycopg2-binary==$PSYCOPG"
fi
if [ ! -d "$engines/compose" ]; then
    # For its schema of a compose file alone.
    .venv/bin/uv pip install -q --no-deps --target "$engines/compose" "docker-compose==1.29.2"
fi
if [ ! -x "$engines/kustomize" ]; then
    GOBIN="$PWD/$engines" go install "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE"
fi
