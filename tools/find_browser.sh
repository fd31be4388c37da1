#!/usr/bin/env bash
# Make sure that there is a Chromium for the tests of the page: find_browser.sh PYTHON
# One that is installed, else one of Debian's packages (the shell has no windows), else the build that Playwright fetches.
set -euo pipefail
python=$1

for name in chromium-headless-shell chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    exit 0
  fi
done
if command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
  apt-get update -qq
  for name in chromium-headless-shell chromium; do
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$name"; then
      exit 0
    fi
  done
  "$python" -m playwright install --with-deps chromium
  exit 0
fi
"$python" -m playwright install chromium
