"""``ftdata dedupe``: find near-duplicates exactly, show why, and drop what may go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.dedupe.approximate import Recall
    from ftdata.dedupe.collect import Collection, Views
    from ftdata.dedupe.decide import Match, Outcome, Settings

DEFINITION = """
\b
Two samples are near-duplicates when their normalised texts are alike at or above the threshold:
  --metric ratio    rapidfuzz.fuzz.ratio, the normalised Indel similarity, 80 to 100 (default 90)
  --metric jaccard  shared word or character shingles over all shingles, 0.5 to 1
The search is exact: every pair is found, none by chance. A sample goes only if it matches a kept one directly and the pair
is no variant (another number, name, unit or negation), no conflict (same question, other answer), no template (same answer
to another question) and does not merely share a long text. Those are reported and stay.
\b
Views (--view):
  conversation  all turns; a system prompt that several samples share is left out (default)
  prompt        all turns before the last answer
  answer        the last answer
  NAME,NAME     these fields of each row
"""


@click.command("dedupe", help=f"Find near-duplicates exactly, show why they are, and drop what may go.\n{DEFINITION}")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FILE", help="Write what stays as JSON Lines; what goes is written to FILE.dropped.jsonl."
)
@click.option("--threshold", type=float, help="How alike is too alike: 90 for ratio, 0.7 for jaccard.")
@click.option("--metric", type=click.Choice(["ratio", "jaccard"]), default="ratio", show_default=True, help="What is measured.")
@click.option("--view", default="conversation", show_default=True, metavar="VIEW", help="Which text is compared.")
@click.option("--normalise", "steps", default="nfkc,case,whitespace", show_default=True, metavar="STEPS",
              help="What does not count: nfkc, case, whitespace, punctuation, digits; none switches all off.")  # fmt: skip
@click.option(
    "--shingle", default="5", show_default=True, metavar="N|Nc", help="Words in a shingle for jaccard; 5c are characters."
)
@click.option("--keep", default="best", show_default=True, metavar="POLICY",
              help="Which sample of a cluster stays: best, first, last, longest or newest:FIELD.")  # fmt: skip
@click.option("--linkage", type=click.Choice(["direct", "complete", "single"]), default="direct", show_default=True,
              help="direct: what goes matches what stays; complete: all of a cluster match; single: whole chains.")  # fmt: skip
@click.option("--approximate", is_flag=True, help="Faster, and may miss pairs; the recall is estimated and printed.")
@click.option(
    "--semantic",
    metavar="FOLDER",
    help="Also suggest paraphrases, by the static embeddings in this folder (model2vec); they stay.",
)
@click.option(
    "--semantic-threshold",
    type=click.FloatRange(0.5, 1.0),
    default=0.9,
    show_default=True,
    help="From which cosine on a pair is suggested.",
)
@click.option("--explore", is_flag=True, help="Print how many would go at several thresholds, and stop.")
@click.option("--review", metavar="FILE", help="Write the pairs for a person to look at: .html, .csv, .jsonl or .parquet.")
@click.option("--apply", "applied", metavar="REVIEW", help="Obey the decisions of an edited review (.csv, .jsonl, .parquet).")
@click.option("--against", multiple=True, metavar="BASE", help="Drop samples that are in this data or index already; repeatable.")
@click.option("--write-index", metavar="FILE", help="Write the samples as an index (.parquet) that --against can read.")
@click.option(
    "--decontaminate", multiple=True, metavar="BENCH", help="Drop samples whose question stands in this evaluation set."
)
@click.option("--from", "format_", metavar="FORMAT", help="Read every row as this format.")
@click.option("--max-examples", type=click.IntRange(min=0), default=3, show_default=True, help="Pairs to show of each kind.")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(**options: Any) -> int:
    """Find near-duplicates."""
    from ftdata.cli.progress import Progress
    from ftdata.dedupe.against import make_base, write_index
    from ftdata.dedupe.collect import VIEWS, collect, make_views
    from ftdata.dedupe.decide import decide, explore, search
    from ftdata.dedupe.keep import make_rank
    from ftdata.write import write_atomically

    settings = _settings(options)
    _check_outputs(options)
    fields = () if options["view"] in VIEWS else tuple(part.strip() for part in options["view"].split(",") if part.strip())
    with Progress("reading") as progress:
        collection = collect(options["paths"], fields=fields, format=options["format_"], progress=progress.update)
    _require_samples(collection, fields)
    rank = make_rank(options["keep"], collection, _count)
    views = make_views(collection, "answer" if fields else settings.view, settings.steps)
    if options["write_index"]:
        write_atomically(options["write_index"], [write_index(make_base(collection, settings), settings)])
        click.echo(f"{options['write_index']}: an index of {len(collection):,} samples")
        return 0
    if options["against"] or options["decontaminate"]:
        return _against(collection, views, settings, options)
    lowest = min(_THRESHOLDS[settings.metric]) if options["explore"] else settings.threshold
    _say_slow(views.text, _with(settings, lowest))
    with Progress("comparing", "pairs") as progress:
        found = search(collection, views, _with(settings, lowest), progress.update)
    if options["explore"]:
        thresholds = _THRESHOLDS[settings.metric] if found.pairs is not None else (lowest,)
        _print(_explored(list(explore(found, rank, thresholds)), len(collection), found.pairs is not None))
        return 0
    outcome = decide(found, rank)
    recall = found.recall
    if options["semantic"]:
        _suggest(outcome, views, options)
    if options["applied"]:
        from ftdata.dedupe.review import apply_review, read_review

        outcome.dropped = apply_review(read_review(options["applied"]), collection, outcome, options["applied"])
    if options["review"]:
        from ftdata.dedupe.review import review_bytes, review_rows

        write_atomically(options["review"], review_bytes(options["review"], review_rows(collection, outcome)))
    if options["output"]:
        _write_rows(options["output"], collection, outcome.dropped)
    _print(
        [json.dumps(_facts(outcome, collection) | _exactness(recall), indent=1)]
        if options["output_format"] == "json"
        else [*_report(outcome, collection, options), *_recall_lines(recall)]
    )
    return 1 if outcome.dropped and not options["output"] and not options["review"] else 0


def _say_slow(texts: Sequence[str], settings: Settings) -> None:
    """Say on stderr that long texts will take a while, and how long at most."""
    from ftdata.dedupe.ratio import slow_seconds

    if settings.metric != "ratio":
        return
    seconds = slow_seconds(texts, settings.threshold)
    if seconds > _SLOW:
        shown = f"{seconds / 60:,.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.0f} hours"
        click.echo(
            f"note: the longest text has {max(map(len, texts)):,} characters; comparing the long ones takes up to about {shown}.\n"
            "  help: --metric jaccard takes no longer for long texts; Ctrl-C stops, and nothing is written.",
            err=True,
        )


def _count(collection: Collection) -> Any:
    from ftdata.judge.counting import count_findings

    return count_findings([item.path for item in collection.inputs])


_SLOW = 60.0  # seconds from which a search is announced
_THRESHOLDS = {"ratio": (80.0, 85.0, 90.0, 95.0, 100.0), "jaccard": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)}


def _settings(options: dict[str, Any]) -> Settings:
    from ftdata.dedupe.collect import VIEWS
    from ftdata.dedupe.decide import Settings
    from ftdata.dedupe.normalise import check_steps
    from ftdata.dedupe.search import Measure
    from ftdata.errors import UsageError

    metric = options["metric"]
    threshold = options["threshold"] if options["threshold"] is not None else {"ratio": 90.0, "jaccard": 0.7}[metric]
    steps = (
        () if options["steps"].strip() == "none" else tuple(part.strip() for part in options["steps"].split(",") if part.strip())
    )
    shingle = options["shingle"].strip()
    size, unit = (shingle[:-1], "character") if shingle.endswith("c") else (shingle, "word")
    if not size.isdigit():
        raise UsageError(f"--shingle: '{shingle}' is no size", "Write 5 for five words, 8c for eight characters.")
    Measure(threshold, metric, int(size), unit)  # type: ignore[arg-type]
    view = options["view"] if options["view"] in VIEWS else f"fields {options['view']}"
    if options["approximate"] and metric != "ratio":
        raise UsageError(f"--approximate is for the metric ratio; {metric} is fast as it is", "Leave --approximate out.")
    if options["approximate"] and (options["against"] or options["decontaminate"] or options["write_index"]):
        raise UsageError("--approximate compares samples with each other only", "Leave it out: a search against a base is exact.")
    return Settings(
        threshold, metric, view, check_steps(steps), options["linkage"], int(size), unit,  # type: ignore[arg-type]
        approximate=options["approximate"],
    )  # fmt: skip


def _with(settings: Settings, threshold: float) -> Settings:
    from dataclasses import replace

    return replace(settings, threshold=threshold)


def _check_outputs(options: dict[str, Any]) -> None:
    """Refuse to write over an input, and a suffix that cannot be written, before anything is read."""
    from ftdata.dedupe.review import FORMATS
    from ftdata.errors import UsageError

    output, review = options["output"], options["review"]
    written = [path for path in (output, output and f"{output}.dropped.jsonl", review, options["write_index"]) if path]
    inputs = {
        os.path.realpath(path)
        for path in (*options["paths"], *options["against"], *options["decontaminate"], options["applied"] or "")
    }
    for path in written:
        if os.path.realpath(path) in inputs:
            raise UsageError(f"{path} is an input; it is not written over", "Choose another name.")
    if review and Path(review).suffix.lower() not in FORMATS:
        raise UsageError(f"{review}: a review is written as {', '.join(FORMATS)}", "Choose one of these suffixes.")
    if output and Path(output).suffix.lower() not in (".jsonl", ".ndjson", ".json", ""):
        raise UsageError(f"{output}: what stays is written as JSON Lines", "Name it .jsonl.")
    if options["write_index"] and Path(options["write_index"]).suffix.lower() != ".parquet":
        raise UsageError(f"{options['write_index']}: an index is a .parquet file", "Name it .parquet.")


def _require_samples(collection: Collection, fields: tuple[str, ...]) -> None:
    from ftdata.errors import UsageError

    if len(collection):
        return
    if fields:
        raise UsageError(
            f"no row has a text under {', '.join(fields)}", "Views are conversation, prompt, answer, or fields of the rows."
        )
    first = f" ({collection.lost[0][0]}: {collection.lost[0][1]})" if collection.lost else ""
    raise UsageError(f"there is no sample to compare{first}", "`ftdata lint` says what is wrong with the file.")


def _against(collection: Collection, views: Views, settings: Settings, options: dict[str, Any]) -> int:
    from ftdata.cli.progress import Progress
    from ftdata.dedupe.against import Base, decontamination_views, make_base, match_base, read_benchmark, read_index
    from ftdata.dedupe.collect import collect
    from ftdata.dedupe.decide import Match

    dropped: dict[int, Match] = {}
    apart: list[tuple[str, str, str]] = []
    lines: list[tuple[int, str, float, str]] = []
    jobs: list[tuple[Base, Views]] = []
    for path in options["against"]:
        base = read_index(path, settings)
        jobs.append((base if base is not None else make_base(collect([path]), settings), views))
    if options["decontaminate"]:
        jobs.append((read_benchmark(options["decontaminate"], settings), decontamination_views(collection, settings)))
    for base, own in jobs:
        with Progress("comparing", "pairs") as progress:
            found = match_base(collection, own, base, settings, progress.update)
        for index, other, score, judgement in found:
            if judgement.kind == "duplicate" and index not in dropped:
                dropped[index] = Match(index, index, score, judgement)
                lines.append((index, base.places[other], score, judgement.difference))
            elif judgement.kind != "duplicate":
                apart.append((collection.place(index), base.places[other], judgement.kind))
    if options["output"]:
        _write_rows(options["output"], collection, dropped, {index: place for index, place, _, _ in lines})
    if options["output_format"] == "json":
        facts = {"samples": len(collection), "dropped": [
            {"place": collection.place(index), "sample": collection.ids[index], "base": place, "score": round(score, 2)}
            for index, place, score, _ in sorted(lines)
        ], "apart": len(apart)}  # fmt: skip
        _print([json.dumps(facts, indent=1, ensure_ascii=False)])
    else:
        _print(_against_report(collection, lines, apart, options))
    return 1 if dropped and not options["output"] else 0


def _against_report(
    collection: Collection, lines: list[tuple[int, str, float, str]], apart: list[tuple[str, str, str]], options: dict[str, Any]
) -> Iterator[str]:
    from ftdata.report.escape import escape

    most = options["max_examples"]
    for index, place, score, difference in lines[:most]:
        yield f"{collection.place(index)} is in {place} already, {score:.1f} alike{_words(difference)}"
    if len(lines) > most:
        yield f"… and {len(lines) - most:,} more"
    for place, other, kind in apart[:most]:
        yield escape(f"{place} looks like {other} and stays: {kind}")
    verb = "dropped" if options["output"] else "would go"
    yield f"{len(lines):,} of {len(collection):,} samples {verb}, {len(apart):,} look alike and stay."


def _write_rows(path: str, collection: Collection, dropped: dict[int, Match], bases: dict[int, str] | None = None) -> None:
    from ftdata.dedupe.write import dropped_lines, kept_lines
    from ftdata.write import write_atomically

    # What goes is written first: where the disk is full, nothing is lost.
    write_atomically(f"{path}.dropped.jsonl", dropped_lines(collection, dropped, bases or {}))
    write_atomically(path, kept_lines(collection, dropped))


def _suggest(outcome: Outcome, views: Views, options: dict[str, Any]) -> None:
    """Put paraphrases beside what was found: pairs that are near-duplicates already, or whose samples go, are left out."""
    from ftdata.cli.progress import Progress
    from ftdata.dedupe.classify import Judgement
    from ftdata.dedupe.decide import Match
    from ftdata.dedupe.meaning import load_static, similar

    model = load_static(options["semantic"])
    alive = [index for index in range(outcome.samples) if index not in outcome.dropped]
    known = {(match.kept, match.other) for match in outcome.apart} | {(match.other, match.kept) for match in outcome.apart}
    vectors = model.encode([views.text[index] for index in alive])
    with Progress("comparing meanings", "pairs") as progress:
        for left, right, cosine in similar(vectors, options["semantic_threshold"], progress.update):
            pair = (alive[left], alive[right])
            if pair not in known:
                outcome.apart.append(Match(*pair, 100 * cosine, Judgement("paraphrase", 0.0, 0.0, "")))


def _exactness(recall: Recall | None) -> dict[str, Any]:
    """Whether all pairs were found, and if not, how many about."""
    if recall is None:
        return {"exact_search": True}
    low, high = recall.interval
    return {
        "exact_search": False,
        "estimated_recall": {"low": low, "share": recall.share, "high": high, "probed": recall.probed, "pairs": recall.true},
    }


def _recall_lines(recall: Recall | None) -> Iterator[str]:
    if recall is None:
        return
    if recall.share is None:
        yield f"approximate: pairs may be missing; {recall.probed:,} samples were compared with all others and have none, so the recall is not known"
        return
    low, high = recall.interval
    yield (
        f"approximate: pairs may be missing; {recall.probed:,} samples were compared with all others, and of their {recall.true:,} pairs "
        f"{recall.found:,} had been found: a recall of {recall.share:.1%} ({low:.1%} to {high:.1%})"
    )


def _explored(found: list[tuple[float, Outcome]], samples: int, complete: bool) -> Iterator[str]:
    yield f"{'threshold':>9}  {'go':>9}  {'share':>6}  {'exact':>9}  {'near':>9}  {'stay apart':>10}"
    for threshold, outcome in found:
        gone = len(outcome.dropped)
        yield (
            f"{threshold:>9g}  {gone:>9,}  {gone / samples:>6.1%}  {outcome.exact:>9,}  {outcome.near:>9,}  {len(outcome.apart):>10,}"
        )
    if not complete:
        yield "There are too many pairs at the lowest threshold to keep them all; ask for single thresholds."


def _facts(outcome: Outcome, collection: Collection) -> dict[str, Any]:
    from collections import Counter

    return {
        "samples": outcome.samples, "lost_rows": len(collection.lost), "exact": outcome.exact, "near": outcome.near,
        "kept": outcome.samples - len(outcome.dropped), "clusters": outcome.clusters, "largest_cluster_alarm": outcome.giant,
        "apart": dict(sorted(Counter(match.judgement.kind for match in outcome.apart).items())),
        "conflicts": len(outcome.conflicts), "answer_templates": len(outcome.templates),
        "threshold": outcome.settings.threshold, "metric": outcome.settings.metric, "view": outcome.settings.view,
        "normalise": list(outcome.settings.steps), "pairs_verified": outcome.verified,
    }  # fmt: skip


def _report(outcome: Outcome, collection: Collection, options: dict[str, Any]) -> Iterator[str]:
    from ftdata.dedupe.classify import KINDS

    most = options["max_examples"]
    near = sorted((m for m in outcome.dropped.values() if not m.exact), key=lambda m: (m.score, m.kept, m.other))
    if near:
        yield f"near-duplicates: {len(near):,}, the least alike first"
        yield from (_line(collection, match, "goes for") for match in near[:most])
        yield from [f"  … and {len(near) - most:,} more"] * (len(near) > most)
    for kind, words in KINDS.items():
        pairs = [match for match in outcome.apart if match.judgement.kind == kind]
        if pairs:
            yield f"{kind}: {len(pairs):,} pairs look alike and stay: {words}"
            yield from (_line(collection, match, "stays beside") for match in pairs[:most])
    if outcome.conflicts:
        yield f"conflicting answers: {len(outcome.conflicts):,} samples ask what another one asks, and answer otherwise; which is right is for you"
        for first, second in outcome.conflicts[:most]:
            yield f"  {collection.place(second)} and {collection.place(first)}"
    if outcome.templates:
        largest = max(outcome.templates, key=len)
        yield f"answer templates: {len(outcome.templates):,} answers stand under three or more questions, one under {len(largest):,}"
    if outcome.giant:
        yield f"one cluster holds {outcome.giant:,} samples: look at it before you drop anything (--review)"
    if collection.lost:
        yield f"not compared, and kept: {len(collection.lost):,} rows, the first at {collection.lost[0][0]} ({collection.lost[0][1]})"
    settings, gone = outcome.settings, len(outcome.dropped)
    verb = "dropped" if options["output"] else "would go"
    yield (
        f"{gone:,} of {outcome.samples:,} samples {verb}: {outcome.exact:,} exact, {outcome.near:,} near "
        f"({settings.metric} ≥ {settings.threshold:g} on {settings.view}); {outcome.samples - gone:,} stay."
    )
    if options["output"]:
        yield f"Written: {options['output']} and {options['output']}.dropped.jsonl"
    if options["review"]:
        yield f"Written: {options['review']}"


def _line(collection: Collection, match: Match, verb: str) -> str:
    return f"  {collection.place(match.other)} {verb} {collection.place(match.kept)}, {match.score:.1f} alike{_words(match.judgement.difference)}"


def _words(difference: str) -> str:
    from ftdata.measure.private import mask

    return f": {mask(difference)}" if difference else ""


def _print(lines: Iterable[str]) -> None:
    from ftdata.report.escape import escape

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    for line in lines:
        sys.stdout.write((line if line.startswith("{") else escape(line)) + "\n")
    sys.stdout.flush()
