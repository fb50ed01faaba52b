#!/bin/sh
# trim.sh ENVIRONMENT: remove what nothing runs, and what knows the builder: the libraries' own tests and commands, scripts
# that activate, where pip took our wheel from.
set -eu
find "$1/lib" -type d -name tests -prune -exec rm -rf {} +
find "$1/lib" -path '*.dist-info/direct_url.json' -delete
find "$1/bin" ! -type d ! -name 'python*' ! -name tapwatch -delete
