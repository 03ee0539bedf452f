#!/usr/bin/env bash
# Install ftdata into an environment of its own: the version asked for, else the one that this action is part of.
set -euo pipefail
folder="${RUNNER_TEMP:?}/ftdata"
python3 -m venv "$folder"
if [ -n "${VERSION:-}" ]; then
  case "$VERSION" in *[!0-9A-Za-z.+!-]*) echo "::error::version holds what no version has" >&2; exit 2 ;; esac
  "$folder/bin/pip" install --quiet --disable-pip-version-check "ftdata==$VERSION"
else
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${ACTION:?}"
fi
"$folder/bin/ftdata" --version
