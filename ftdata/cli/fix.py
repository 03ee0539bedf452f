"""``ftdata fix``: repair what is safe to repair, and say what was done."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ftdata.cli.options import eval_paths, find_settings, find_suppressions, judging, make_choice

if TYPE_CHECKING:
    from ftdata.config import Config
    from ftdata.fix.run import Fixing, Result


@click.command(
    "fix",
    epilog="Exit codes: 0 nothing is left to fix, 1 something is, 2 an input, a flag or a configuration that cannot be used.",
)
@click.argument("paths", nargs=-1, required=True)
@click.option("-o", "--output", metavar="PATH", help="Write the fixed file here, several into this folder; - is standard output.")
@click.option("--in-place", is_flag=True, help="Write the fixed files over the inputs.")
@click.option("--diff", is_flag=True, help="Print the changes as a patch, and write nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply fixes that drop samples or change what is said in them.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit 1 where something was changed, as pre-commit wants it.")
@judging
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(**options: Any) -> int:
    """Repair data files: what is safe, and with --unsafe-fixes what has to be looked at afterwards.

    Without -o, --in-place or --diff, only counts what would be done. Samples that are dropped go to
    OUT.dropped.jsonl with the rule and the reason, keys that are taken out to OUT.sidecar.jsonl under the sample's hash.
    """
    from ftdata.errors import UsageError

    ways = [name for name in ("output", "in_place", "diff") if options[name]]
    if len(ways) > 1:
        raise UsageError("-o, --in-place and --diff are different things to do", "Use one of them.")
    if options["output_format"] == "json" and (options["diff"] or options["output"] == "-"):
        raise UsageError("standard output holds the data already, and --format json goes there too", "Leave --format out.")
    fixing = run(options, find_settings(options), ways[0] if ways else None)
    verb = "fixed" if options["output"] or options["in_place"] else "would be fixed"
    lines = (
        [json.dumps(_facts(fixing), indent=1, ensure_ascii=False)]
        if options["output_format"] == "json"
        else summary(fixing, verb)
    )
    show(lines, error=bool(options["diff"]) or options["output"] == "-")
    if not ways and options["output_format"] == "text" and any(result.changed for result in fixing.results):
        show(["Nothing was written: use -o OUT, --in-place, or --diff for a patch."])
    code = exit_code(fixing, written=bool(options["output"] or options["in_place"]))
    changed = options["exit_non_zero_on_fix"] and any(result.written for result in fixing.results)
    return 1 if changed and code == 0 else code


def run(options: dict[str, Any], config: Config, way: str | None) -> Fixing:
    """Fix in one of the ways: "output", "in_place", "diff", or ``None`` to only count."""
    from ftdata.cli.progress import Progress
    from ftdata.fix.run import Fixing

    with Progress("fixing") as progress:
        fixing = Fixing(
            options["paths"],
            make_choice(options, config),
            unsafe=options["unsafe_fixes"],
            format=options["format_"],
            eval_paths=eval_paths(options, config),
            suppressions=find_suppressions(config),
            progress=progress.update,
        )
        if way == "diff":
            _write_patch(fixing.patches())
        elif way == "in_place":
            fixing.in_place()
        elif way == "output" and options["output"] == "-":
            fixing.to_stdout(sys.stdout.buffer)
        elif way == "output":
            fixing.write(options["output"])
        else:
            fixing.dry()
    return fixing


def exit_code(fixing: Fixing, *, written: bool) -> int:
    """2 where a file could not be fixed, 1 where something is left (or, unwritten, would change), else 0."""
    if any(result.skipped for result in fixing.results):
        return 2
    left = any(result.summary.left for result in fixing.results)
    return int(left or (not written and any(result.changed for result in fixing.results)))


def _write_patch(blocks: Iterable[bytes]) -> None:
    """A patch for a program is exact to the byte; one for a person to read is escaped and its secrets are masked."""
    from ftdata.fix.diff import for_terminal
    from ftdata.measure.private import mask
    from ftdata.report.escape import escape

    if not sys.stdout.isatty():
        for block in blocks:
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        return
    colour = not os.environ.get("NO_COLOR")
    for line in for_terminal(blocks, lambda text: escape(mask(text))):
        shade = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1]) if colour else None
        sys.stdout.write((click.style(line, fg=shade) if shade else line) + "\n")
    sys.stdout.flush()


def summary(fixing: Fixing, verb: str) -> Iterator[str]:
    """Yield the lines that say what became of each file; files where nothing is to be done share one line."""
    same = [result for result in fixing.results if result.skipped is None and not _told(result)]
    for result in fixing.results:
        if result.skipped is not None:
            yield f"not fixed {result.path}: {result.skipped}"
            if result.help:
                yield f"  help: {result.help}"
        elif _told(result):
            yield from _of_file(result, verb)
    if same:
        samples = sum(result.summary.samples for result in same)
        named = same[0].path if len(same) == 1 else f"{len(same):,} files"
        yield f"{named}: nothing to fix in {_count(samples, 'sample')}"
        yield from (f"  written: {', '.join(result.written)}" for result in same if result.written)
    yield from _rest(fixing)


def _told(result: Result) -> bool:
    return result.changed or bool(result.summary.left or result.summary.suppressed or result.summary.unreadable)


def _of_file(result: Result, verb: str) -> Iterator[str]:
    counts = result.summary
    yield f"{result.path}: {_count(counts.samples, 'sample')}, {counts.changed:,} {verb}, {counts.dropped:,} dropped, {counts.kept:,} kept as they were"
    if counts.tokens_after != counts.tokens:
        yield f"  tokens: {counts.tokens:,} before, {counts.tokens_after:,} after; {counts.tokens_dropped:,} went with dropped samples"
    lines = [(rule, "file", title) for rule, title in counts.of_file]
    lines += [("blank-line", f"{counts.blank:,}", "deleted")] * bool(counts.blank)
    lines += [(rule, f"{n:,}", title) for (rule, title), n in sorted(counts.applied.items(), key=lambda i: (-i[1], i[0]))]
    lines += [(rule, f"{n:,}", "dropped") for rule, n in sorted(counts.dropped_by.items(), key=lambda i: (-i[1], i[0]))]
    lines += [(rule, f"{n:,}", "left: no fix fits") for rule, n in sorted(counts.left.items())]
    lines += [(rule, f"{n:,}", "left: suppressed by the configuration") for rule, n in sorted(counts.suppressed.items())]
    lines += [("unreadable", f"{counts.unreadable:,}", "rows left as they are")] * bool(counts.unreadable)
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)] if lines else [0, 0]
    yield from (f"  {rule:<{widths[0]}}  {n:>{widths[1]}}  {title}" for rule, n, title in lines)
    yield from [f"  written: {', '.join(result.written)}"] * bool(result.written)


def _rest(fixing: Fixing) -> Iterator[str]:
    """What is found and not fixed here."""
    from ftdata.fix.fixers import FIXERS

    unsafe = [v for v in fixing.manual if v.name in FIXERS and not fixing.unsafe]
    hand = [v for v in fixing.manual if v not in unsafe]
    for words, verdicts in (("more with --unsafe-fixes", unsafe), ("for you to look at", hand)):
        if verdicts:
            names = ", ".join(f"{v.name} {v.count:,}" for v in sorted(verdicts, key=lambda v: (-v.count, v.code))[:8])
            more = f" and {len(verdicts) - 8} rules more" if len(verdicts) > 8 else ""
            yield f"{_count(sum(v.count for v in verdicts), 'finding')} {words}: {names}{more}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' if number != 1 else ''}"


def _facts(fixing: Fixing) -> dict[str, Any]:
    files = []
    for result in fixing.results:
        counts = result.summary
        files.append({
            "path": result.path, "skipped": result.skipped, "samples": counts.samples, "kept": counts.kept,
            "changed": counts.changed, "dropped": counts.dropped, "blank_lines": counts.blank, "unreadable": counts.unreadable,
            "tokens": counts.tokens, "tokens_after": counts.tokens_after, "tokens_dropped": counts.tokens_dropped,
            "applied": [
                {"rule": rule, "fix": title, "samples": count} for (rule, title), count in sorted(counts.applied.items())
            ],
            "of_file": [{"rule": rule, "fix": title} for rule, title in counts.of_file],
            "dropped_by": dict(sorted(counts.dropped_by.items())), "left": dict(sorted(counts.left.items())),
            "written": result.written,
        })  # fmt: skip
    return {"files": files, "unfixed": {verdict.name: verdict.count for verdict in fixing.manual}}


def show(lines: Iterable[str], *, error: bool = False) -> None:
    """Print lines with everything harmless in them that acts on a terminal."""
    from ftdata.report.escape import escape

    sink = sys.stderr if error else sys.stdout
    if hasattr(sink, "reconfigure"):
        sink.reconfigure(errors="backslashreplace")
    for line in lines:
        sink.write((line if line.startswith("{") else escape(line)) + "\n")
    sink.flush()
