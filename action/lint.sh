#!/usr/bin/env bash
# Judge the data, write the summary, and leave the exit code to the last step: a red step here would skip the comment.
set -uo pipefail
out="${RUNNER_TEMP:?}/ftdata-report"
mkdir -p "$out"
arguments=(lint --output-format github --report "json:$out/report.json" --report "sarif:$out/report.sarif" --report "markdown:$out/report.md")
if [ -n "${TARGET:-}" ]; then arguments+=("--target=$TARGET"); fi
if [ -n "${GOAL:-}" ]; then arguments+=("--goal=$GOAL"); fi
if [ -n "${CONFIG:-}" ]; then arguments+=("--config=$CONFIG"); fi
if [ -n "${FAIL_ON:-}" ]; then arguments+=("--fail-on=$FAIL_ON"); fi
since="${SINCE:-}"
if [ "$since" = auto ]; then since="${BASE_SHA:-}"; fi
if [ -n "$since" ]; then
  # A checkout of depth 1 has no base: it is fetched, so that a missing one is never taken for an empty one.
  if ! git cat-file -e "$since^{commit}" 2>/dev/null; then
    git fetch --quiet --no-tags --depth=1 origin -- "$since" || echo "::warning::the base $since could not be fetched"
  fi
  arguments+=("--since=$since")
fi
paths=()
while IFS= read -r line || [ -n "$line" ]; do
  if [ -n "$line" ]; then paths+=("$line"); fi
done <<<"${PATHS:-.}"
"${FTDATA:-${RUNNER_TEMP}/ftdata/bin/ftdata}" "${arguments[@]}" -- "${paths[@]}"
code=$?
{
  echo "exit-code=$code"
  if [ -s "$out/report.json" ]; then echo "report=$out/report.json"; fi
  if [ -s "$out/report.sarif" ]; then echo "sarif=$out/report.sarif"; fi
  if [ -s "$out/report.md" ]; then echo "comment=$out/report.md"; fi
} >>"${GITHUB_OUTPUT:?}"
if [ -s "$out/report.md" ]; then
  cat "$out/report.md" >>"${GITHUB_STEP_SUMMARY:?}"
elif [ "$code" -ne 0 ]; then
  echo "ftdata could not judge the data (exit code $code); the log says why." >>"${GITHUB_STEP_SUMMARY:?}"
fi
exit 0
