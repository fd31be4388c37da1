#!/usr/bin/env bash
# Make a virtual environment: make_venv.sh PYTHON FOLDER
# Debian keeps the module for it in a package of its own, which root may add.
set -euo pipefail
python=$1 folder=$2

if [[ -x $folder/bin/python ]] && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
  exit 0
fi
if ! command -v "$python" >/dev/null; then
  echo "$python is not there: install Python 3.10 to 3.13, or say which one: make PYTHON=/path/to/python3" >&2
  exit 1
fi
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || {
  echo "$("$python" --version) is not supported: 3.10 to 3.13 are (make PYTHON=python3.12)" >&2
  exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
  else
    echo "$python cannot make environments: install its venv module (on Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
fi
"$python" -m venv "$folder"
