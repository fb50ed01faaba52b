#!/bin/sh
# Makes or completes .venv from the locked requirements: venv.sh run, or venv.sh dev.
# Works where Python comes without its venv module's pip (Debian's python3 without python3-venv), without root.
set -eu
cd "$(dirname "$0")/.."
kind=${1:?usage: requirements/venv.sh run|dev}
venv=${VENV:-.venv}
[ "$kind" = run ] && [ -f "$venv/.installed-dev" ] && kind=dev # which holds all of run
stamp=$venv/.installed-$kind
locked="requirements/$kind.txt requirements/build.txt pyproject.toml"

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Tapwatch needs Python 3.11 or later on PATH (Debian 12, Ubuntu 24.04 and later have it: apt-get install python3)." >&2
    exit 1
}

# pip from Debian's own wheel of it, unpacked beside the environment.
borrow_pip() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    (cd "$scratch" && apt-get -q=2 -o APT::Sandbox::User=root download python3-pip-whl && dpkg-deb -x ./*.deb .) || {
        echo "Python's venv module has no pip here, and it could not be fetched: apt-get install python3-venv" >&2
        exit 1
    }
    wheel=$(ls "$scratch"/usr/share/python-wheels/pip-*.whl)
    "$venv/bin/python" "$wheel/pip" install --quiet --no-index "$wheel"
}

newest() { # is every argument older than the stamp?
    [ -f "$stamp" ] && for file; do [ "$stamp" -nt "$file" ] || return 1; done
}

# shellcheck disable=SC2086 # a list of names without spaces
newest $locked && exit 0

[ -x "$venv/bin/python" ] || {
    python=$(find_python)
    echo "Making $venv with $python ..." >&2
    "$python" -m venv --without-pip "$venv"
}
"$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
    "$venv/bin/python" -m ensurepip --default-pip >/dev/null 2>&1 ||
    borrow_pip
echo "Installing requirements/$kind.txt ..." >&2
pip="$venv/bin/python -m pip --disable-pip-version-check --quiet --no-input"
$pip install --require-hashes -r "requirements/$kind.txt"
$pip install --require-hashes -r requirements/build.txt
$pip install --no-deps --no-build-isolation --editable .
touch "$stamp"
