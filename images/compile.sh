#!/bin/sh
# compile.sh FOLDER...: bytecode beside every module, the same in each build. It is never compared with its source, whose
# times a build sets anew; a program that may write nowhere could not renew it either. Sets are written in one order.
set -eu
find "$@" -type d -name __pycache__ -prune -exec rm -rf {} +
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash "$@"
