"""The review list: every pair with its scores and words, borderline ones first, for a person to decide and to apply."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ftdata.dedupe.classify import KINDS, difference, tokens
from ftdata.dedupe.collect import Collection
from ftdata.dedupe.decide import Match, Outcome
from ftdata.errors import UsageError
from ftdata.measure.private import mask

COLUMNS = (
    "decision", "kind", "score", "prompt_score", "answer_score", "difference", "kept_place", "other_place", "kept_sample",
    "other_sample", "kept_text", "other_text",
)  # fmt: skip
FORMATS = (".parquet", ".csv", ".jsonl", ".html")
_TEXT = 4000
_PAGE = 2000


def review_rows(collection: Collection, outcome: Outcome) -> list[dict[str, Any]]:
    """The pairs as rows: what goes first, the least alike at the top, then what looks alike and stays.

    ``decision`` is drop or keep, and speaks of the other sample; exact copies are not listed. Texts are masked and cut.
    """
    near = sorted((m for m in outcome.dropped.values() if not m.exact), key=lambda m: (m.score, m.kept, m.other))
    apart = sorted(
        (m for m in outcome.apart if m.judgement.kind != "shared"), key=lambda m: (m.judgement.kind, -m.score, m.kept, m.other)
    )
    return [_row(collection, match, "drop") for match in near] + [_row(collection, match, "keep") for match in apart]


def _row(collection: Collection, match: Match, decision: str) -> dict[str, Any]:
    judged = match.judgement
    texts = [mask(_text(collection, index)[:_TEXT]) for index in (match.kept, match.other)]
    values = (
        decision, judged.kind, round(match.score, 2), round(judged.prompt_score, 2), round(judged.answer_score, 2),
        mask(judged.difference), collection.place(match.kept), collection.place(match.other), collection.ids[match.kept],
        collection.ids[match.other], *texts,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _text(collection: Collection, index: int) -> str:
    return f"{collection.prompt[index]}\n{collection.answer[index]}"


def review_bytes(path: str, rows: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """The list in the format of the path's suffix. Raises UsageError for another suffix."""
    suffix = Path(path).suffix.lower()
    if suffix == ".jsonl":
        yield from ((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace") for row in rows)
    elif suffix == ".csv":
        yield _csv(rows)
    elif suffix == ".parquet":
        yield _parquet(rows)
    elif suffix == ".html":
        yield from (part.encode("utf-8", "replace") for part in _html(rows))
    else:
        raise UsageError(f"{path}: a review is written as {', '.join(FORMATS)}", "Choose one of these suffixes.")


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """CSV for spreadsheets: a cell that would be a formula is led by an apostrophe."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: f"'{v}" if isinstance(v, str) and v[:1] in ("=", "+", "-", "@", "\t", "\r") else v for k, v in row.items()}
        )
    return ("\ufeff" + sink.getvalue()).encode("utf-8", "replace")


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import polars as pl

    numbers = ("score", "prompt_score", "answer_score")
    schema = {name: pl.Float64 if name in numbers else pl.String for name in COLUMNS}
    sink = io.BytesIO()
    clean = [{k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    pl.DataFrame(clean, schema=schema).write_parquet(sink)
    return sink.getvalue()


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ftdata dedupe: review</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.4rem} .pair{border-top:1px solid #ccc;padding:1rem 0} .facts{color:#444;margin:0 0 .5rem}
.kind{display:inline-block;border-radius:.3rem;padding:0 .5rem;background:#e7e7e7;color:#222;margin-right:.5rem}
.drop .kind{background:#fbe0dc} .texts{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
.texts pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f6;padding:.6rem;margin:0;font:13px/1.45 ui-monospace,monospace}
.place{color:#555;font-size:.85rem;overflow-wrap:anywhere} del{background:#ffd7d2;text-decoration:none} ins{background:#cdeecf;text-decoration:none}
@media (max-width:700px){.texts{grid-template-columns:1fr}}
@media (prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}.texts pre{background:#222}.facts,.place{color:#b5b5b5}
.kind{background:#3a3a3a;color:#eee}.drop .kind{background:#5b2a24}del{background:#6b2b25}ins{background:#215227}.pair{border-color:#444}}
</style></head><body>
"""


def _html(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    drops = sum(row["decision"] == "drop" for row in rows)
    yield _HEAD
    yield f"<h1>Review: {drops:,} near-duplicates to drop, {len(rows) - drops:,} pairs that look alike and stay</h1>\n"
    yield "<p>The least alike pairs first. To change a decision, write the review as .csv, .jsonl or .parquet, edit the column "
    yield "<code>decision</code>, and apply it: <code>ftdata dedupe … --apply REVIEW</code>.</p>\n"
    for row in rows[:_PAGE]:
        yield _pair(row)
    if len(rows) > _PAGE:
        yield f"<p>… and {len(rows) - _PAGE:,} more pairs, in the other formats.</p>\n"
    yield "</body></html>\n"


def _pair(row: dict[str, Any]) -> str:
    kept, other = _marked(row["kept_text"], row["other_text"])
    kind = html.escape(KINDS[row["kind"]])
    return (
        f'<section class="pair {row["decision"]}"><p class="facts"><span class="kind">{row["decision"]}: {row["kind"]}</span>'
        f"{row['score']:g} in all, question {row['prompt_score']:g}, answer {row['answer_score']:g} · {kind}</p>"
        f'<div class="texts"><div><div class="place">kept: {html.escape(row["kept_place"])}</div><pre>{kept}</pre></div>'
        f'<div><div class="place">other: {html.escape(row["other_place"])}</div><pre>{other}</pre></div></div></section>\n'
    )


def _marked(first: str, second: str) -> tuple[str, str]:
    """Both texts as HTML with the words that differ marked."""
    from rapidfuzz.distance import Indel

    before, after = _pieces(first), _pieces(second)
    left: list[str] = []
    right: list[str] = []
    for step in Indel.opcodes(before, after):
        was, now = "".join(before[step.src_start : step.src_end]), "".join(after[step.dest_start : step.dest_end])
        if step.tag == "equal":
            left.append(_safe(was))
            right.append(_safe(now))
            continue
        left += [f"<del>{_safe(was)}</del>"] if was else []
        right += [f"<ins>{_safe(now)}</ins>"] if now else []
    return "".join(left), "".join(right)


def _pieces(text: str) -> list[str]:
    """The words with the white space behind them, so that they join to the text."""
    pieces: list[str] = []
    at = 0
    for token in tokens(text):
        found = text.index(token, at)
        if found > at and pieces:
            pieces[-1] += text[at:found]
        elif found > at:
            pieces.append(text[at:found])
        pieces.append(token)
        at = found + len(token)
    return [*pieces, text[at:]] if at < len(text) else pieces


def _safe(text: str) -> str:
    shown = "".join(c if c in "\n\t" or c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return html.escape(shown)


def read_review(path: str) -> list[dict[str, Any]]:
    """Read a review that a person has edited. Raises UsageError for a file that is none, and for an unknown decision."""
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".jsonl":
            rows = [json.loads(line) for line in Path(path).read_text("utf-8-sig").splitlines() if line.strip()]
        elif suffix == ".csv":
            rows = list(csv.DictReader(io.StringIO(Path(path).read_text("utf-8-sig"), newline="")))
        elif suffix == ".parquet":
            import polars as pl

            rows = pl.read_parquet(path).to_dicts()
        else:
            raise UsageError(f"{path}: a review to apply is .csv, .jsonl or .parquet", "HTML is for reading only.")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})", "Check the path.") from None
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{path}: is no review ({type(error).__name__})", "Write one with --review.") from None
    for number, row in enumerate(rows, 1):
        missing = [name for name in ("decision", "kept_sample", "other_sample") if not isinstance(row, dict) or not row.get(name)]
        if missing:
            raise UsageError(f"{path}: row {number} has no {missing[0]}", "Edit the column 'decision' only.")
        row["decision"] = str(row["decision"]).strip().lower()
        if row["decision"] not in ("drop", "keep"):
            raise UsageError(f"{path}: row {number}: '{row['decision']}' is no decision", "Write drop or keep.")
    return rows


def apply_review(rows: Sequence[dict[str, Any]], collection: Collection, outcome: Outcome, path: str) -> dict[int, Match]:
    """Return what goes by a person's decisions: exact copies, and the samples with a "drop" and no "keep".

    Raises UsageError where the review speaks of samples that the data does not hold: it is of another data set.
    """
    places: dict[str, list[int]] = {}
    for index, identity in enumerate(collection.ids):
        places.setdefault(identity, []).append(index)
    dropped = {index: match for index, match in outcome.dropped.items() if match.exact}
    kept = {row["other_sample"] for row in rows if row["decision"] == "keep"}
    for number, row in enumerate(rows, 1):
        for name in ("kept_sample", "other_sample"):
            if row[name] not in places:
                raise UsageError(
                    f"{path}: row {number}: sample {row[name][:12]} is not in the data",
                    "Apply a review to the files it was made from.",
                )
        if row["decision"] == "drop" and row["other_sample"] not in kept:
            first = places[row["kept_sample"]][0]
            for index in places[row["other_sample"]]:
                match = outcome.dropped.get(index)
                if match is None or match.exact:
                    match = _by_hand(collection, first, index)
                dropped[index] = match
    _check_kept(dropped, collection, path)
    return dropped


def _by_hand(collection: Collection, kept: int, other: int) -> Match:
    from rapidfuzz import fuzz

    from ftdata.dedupe.classify import Judgement, describe

    first, second = _text(collection, kept), _text(collection, other)
    judgement = Judgement("duplicate", 0.0, 0.0, describe(difference(first, second)))
    return Match(kept, other, fuzz.ratio(first, second), judgement)


def _check_kept(dropped: dict[int, Match], collection: Collection, path: str) -> None:
    for index, match in dropped.items():
        if match.kept in dropped and not match.exact and dropped[match.kept].kept == index:
            raise UsageError(
                f"{path}: {collection.place(index)} and {collection.place(match.kept)} each go for the other", "Keep one of them."
            )
