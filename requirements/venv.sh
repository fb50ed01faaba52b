#!/bin/sh
# Makes or completes .venv from the locked requirements: venv.sh run, or venv.sh dev. Finds a Python; __main__.py goes on.
set -eu
cd "$(dirname "$0")/.."

for python in "${VENV:-.venv}/bin/python" ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$python" -m requirements "$@"
    fi
done
echo "Tapwatch needs Python 3.11 or later on PATH (Debian 12, Ubuntu 24.04 and later have it: apt-get install python3)." >&2
exit 1
