"""Send a report to GitHub: ``send.py sarif FILE`` to code scanning, ``send.py comment FILE`` into the pull request.

Standard library only. The comment is written once and then edited; what the token may not do is said and is no failure, for pull
requests from forks have no right to it. Limits: 65,536 characters a comment, 10 MB gzipped SARIF (docs.github.com, 2026-11-23).
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MARK = "<!-- ftdata -->"
LONGEST = 65_000


def call(method: str, path: str, value: Any = None) -> Any:
    """One call of the API."""
    request = urllib.request.Request(
        f"{os.environ.get('GITHUB_API_URL', 'https://api.github.com')}{path}", json.dumps(value).encode() if value is not None else None, method=method,
        headers={"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json", "Content-Type": "application/json",
                 "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "ftdata"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def send_sarif(data: bytes) -> None:
    """Send findings to code scanning. The upload action would warn once for every fingerprint of ours."""
    packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
    call("POST", f"/repos/{os.environ['GITHUB_REPOSITORY']}/code-scanning/sarifs",
         {"commit_sha": os.environ["HEAD_SHA"], "ref": os.environ["GITHUB_REF"], "sarif": packed, "tool_name": "ftdata"})  # fmt: skip


def send_comment(text: str) -> None:
    """Write the comment of this pull request, or edit the one that is there."""
    repository, number = os.environ["GITHUB_REPOSITORY"], int(os.environ["NUMBER"])
    body = f"{MARK}\n{text}"
    if len(body) > LONGEST:
        body = body[:LONGEST] + "\n\n… the rest stands in the job's summary."
    for page in range(1, 11):
        comments = call("GET", f"/repos/{repository}/issues/{number}/comments?per_page=100&page={page}")
        for comment in comments:
            if str(comment.get("body", "")).startswith(MARK) and (comment.get("user") or {}).get("type") == "Bot":
                call("PATCH", f"/repos/{repository}/issues/comments/{int(comment['id'])}", {"body": body})
                return
        if len(comments) < 100:
            break
    call("POST", f"/repos/{repository}/issues/{number}/comments", {"body": body})


def main() -> int:
    """Send, and say what was not allowed."""
    what, path = sys.argv[1:]
    data = Path(path).read_bytes()
    try:
        if what == "sarif":
            send_sarif(data)
        else:
            send_comment(data.decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            print(
                f"::notice::the {what} was not sent: the token may not ({error.code}). Pull requests from forks have no right to it."
            )
            return 0
        print(f"::warning::the {what} was not sent: GitHub answered {error.code}")
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        print(f"::warning::the {what} was not sent ({type(error).__name__})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
