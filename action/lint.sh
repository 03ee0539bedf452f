#!/usr/bin/env bash
# Judge the data, write the summary, and leave the exit code to the last step: a red step here would skip the comment.
set -uo pipefail
# A folder of its own: what an earlier step of this job found is never shown as this one's result.
out="$(mktemp -d "${RUNNER_TEMP:?}/ftdata-report.XXXXXX")" || exit 2
arguments=(lint --output-format github --report "json:$out/report.json" --report "sarif:$out/report.sarif" --report "markdown:$out/report.md")
if [ -n "${TARGET:-}" ]; then arguments+=("--target=$TARGET"); fi
if [ -n "${GOAL:-}" ]; then arguments+=("--goal=$GOAL"); fi
if [ -n "${CONFIG:-}" ]; then arguments+=("--config=$CONFIG"); fi
if [ -n "${FAIL_ON:-}" ]; then arguments+=("--fail-on=$FAIL_ON"); fi
since="${SINCE:-}"
if [ "$since" = auto ]; then
  since="${BASE_SHA:-}"
  # A checkout of a pull request is its merge: the other parent is the base as it is now, where the event may name an older one.
  parents="$(git cat-file commit HEAD 2>/dev/null | sed -n '/^$/q; s/^parent //p' | tr '\n' ' ')"
  if [ -n "$since" ] && [ -n "${HEAD_SHA:-}" ] && [ "${parents#* }" = "$HEAD_SHA " ]; then since="${parents%% *}"; fi
  if [ -n "$since" ] && [ "$(git rev-parse HEAD 2>/dev/null)" = "$since" ]; then
    # As with pull_request_target: judging the base against itself would always be green.
    echo "::error::the checkout is the base ${since:0:12} itself, not the pull request. Check out github.event.pull_request.head.sha, or set since to \"\" to judge everything."
    echo "exit-code=2" >>"${GITHUB_OUTPUT:?}"
    echo "ftdata judged nothing: the checkout is the base itself, not the pull request." >>"${GITHUB_STEP_SUMMARY:?}"
    exit 0
  fi
fi
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
