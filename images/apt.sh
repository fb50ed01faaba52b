#!/bin/sh
# apt.sh PACKAGE...: install from the mirror of the secret debian.sources when there is one, else from the base's. A secret
# mounted over the base's own file would take that file with it when it goes (buildah 1.28).
set -eu
mirror=/run/secrets/debian.sources
apt() {
    if [ -f "$mirror" ]; then
        set -- -o Dir::Etc::sourcelist="$mirror" -o Dir::Etc::sourceparts=/dev/null "$@"
    fi
    apt-get -o Acquire::Languages=none "$@"
}
apt update
apt install --yes --no-install-recommends "$@"
