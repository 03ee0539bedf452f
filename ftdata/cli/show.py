"""``ftdata show``: conversations as people read them, and the exact text that training sees."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftdata.measure.tokens import Tokenizer
    from ftdata.preview.pick import Picked
    from ftdata.preview.text import Layout
    from ftdata.read import Input
    from ftdata.types import Finding

FIRST, FOUND = 3, 10


@click.command(
    "show", epilog="Exit codes: 0 shown, 1 no sample is what was asked for, 2 a file, a flag or a template that cannot be used."
)
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-r", "--row", "rows", multiple=True, metavar="ROWS", help="Show these rows, counted from 1: 3, 3-7, 3- or 1,4,9; repeatable."
)
@click.option(
    "-s",
    "--sample",
    "hashes",
    multiple=True,
    metavar="HASH",
    help="Show the sample with this hash, or its beginning as lint prints it; repeatable.",
)
@click.option(
    "-w",
    "--where",
    metavar="SQL",
    help="Show the samples for which this holds, over the measures: \"n_turns > 4 AND answer ILIKE '%sorry%'\".",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    help=f"Show no more than so many samples (default: {FIRST}; {FOUND} found by --where or --sample; all rows of --row).",
)
@click.option("--findings", is_flag=True, help="Judge the file as `ftdata lint` does, and show each finding at its turn.")
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    metavar="NAME",
    help="With --findings: judge what this provider or trainer accepts.",
)
@click.option(
    "--template",
    metavar="PATH",
    help="Show the exact text that training sees, by the chat template of a model folder or a Jinja file.",
)
@click.option(
    "--tokenizer", metavar="PATH", help="Count tokens with this tokenizer.json, model folder or encoding (default: o200k_base)."
)
@click.option("--from", "format_", metavar="FORMAT", help="Read the rows as this format instead of detecting it.")
@click.option("--full", is_flag=True, help="Show the whole of texts of more than 200 lines.")
@click.option("--width", type=click.IntRange(min=40, max=1000), help="Columns to fill (default: the terminal's, 80 in a pipe).")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether to colour; auto obeys NO_COLOR and FORCE_COLOR.",
)
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(**options: Any) -> int:
    """Show samples as people read them: turns, tool calls, reasoning, preference pairs, with tokens and secrets masked.

    With --template the text is what the model is trained on, character by character. What it learns to write stands on a green
    ground, what it only reads is dim, control tokens are magenta; without colours brackets mark the first and the last.
    """
    from ftdata.convert.run import open_inputs
    from ftdata.errors import UsageError
    from ftdata.judge.planning import check_format

    if sum(map(bool, (options["rows"], options["hashes"], options["where"]))) > 1:
        raise UsageError("--row, --sample and --where exclude each other", "Give one of them.")
    if options["targets"] and not options["findings"]:
        raise UsageError("--target says what to judge by, and nothing is judged", "Add --findings.")
    if options["findings"] and "-" in options["paths"]:
        raise UsageError("--findings reads the files twice, which standard input does not allow", "Save it to a file first.")
    check_format(options["format_"])
    inputs = open_inputs(options["paths"])
    picker = _Picker(inputs, options)
    picked = picker.rows()
    failed = False
    if options["template"]:
        from ftdata.cli.show_template import show as show_template

        shown, failed = show_template(picked, options, _layout(options), _print)
    elif options["output_format"] == "json":
        shown = _show_json(picked, options)
    else:
        shown = _show_text(picked, options)
    for note in picker.notes(shown):
        _say(note)
    return 2 if failed else 0 if shown else 1


class _Picker:
    """Chooses the rows as the options say, and tells what was not shown."""

    def __init__(self, inputs: list[Input], options: dict[str, Any]) -> None:
        from ftdata.preview.pick import Rows, check_prefixes, read_condition, read_ranges

        self._inputs, self._options = inputs, options
        self._source = Rows(inputs, options["format_"])
        self._ranges = read_ranges(options["rows"]) if options["rows"] else None
        self._prefixes = check_prefixes(options["hashes"]) if options["hashes"] else None
        if options["where"]:
            read_condition(options["where"])
        self._found: int | None = None
        self._of = 0
        self._missing: list[str] = []

    def rows(self) -> Iterator[Picked]:
        """Yield the rows to show."""
        from ftdata.cli.progress import Progress
        from ftdata.measure.batch import Overhead
        from ftdata.preview.pick import by_condition, by_hash, fetch

        limit = self._options["limit"]
        if self._ranges is not None:
            for number, row in enumerate(self._source.numbered(self._ranges)):
                if limit is not None and number >= limit:
                    return
                yield row
        elif self._prefixes is not None:
            with Progress("reading") as progress:
                found, self._missing = by_hash(self._inputs, self._prefixes, self._options["format_"], progress.update)
            self._found = len(found)
            yield from found[: limit or FOUND]
        elif self._options["where"]:
            with Progress("measuring") as progress:
                matches = by_condition(
                    self._inputs, self._options["where"], self._options["format_"], self._options["tokenizer"] or "o200k_base",
                    Overhead(), progress.update,
                )  # fmt: skip
            self._found, self._of = len(matches.places), matches.of
            yield from fetch(self._inputs, matches.places[: limit or FOUND])
        else:
            yield from self._source.first(limit or FIRST)

    def notes(self, shown: int) -> Iterator[str]:
        """Yield what is to be said on standard error after the samples."""
        for prefix in self._missing:
            yield f"no sample has a hash that begins with {prefix}"
        if self._ranges is not None:
            yield from self._beyond(shown)
        elif self._options["where"]:
            if not shown:
                yield f"of {self._of:,} samples none fulfils --where {self._options['where'][:200]}"
            elif self._found is not None and self._found > shown:
                yield f"shown {shown:,} of {self._found:,} samples that fulfil --where (of {self._of:,}); --limit {self._found} shows all"
        elif self._prefixes is not None:
            if self._found is not None and self._found > shown:
                yield f"shown {shown:,} of {self._found:,} copies; --limit {self._found} shows all"
        elif not shown:
            yield "the files hold no rows that can be read; `ftdata lint` says why"
        elif self._source.left:
            more = self._source.left
            yield f"{more:,} more sample{'s' if more != 1 else ''}: --row 4-9, --where SQL or --limit N shows others"

    def _beyond(self, shown: int) -> Iterator[str]:
        assert self._ranges is not None
        if self._options["limit"] and shown >= self._options["limit"]:
            return
        last = max(end or first for first, end in self._ranges.parts)
        for path, rows in self._source.seen.items():
            if rows < last:
                yield f"{path} has {rows:,} row{'s' if rows != 1 else ''}; row {last:,} is not there"


def _layout(options: dict[str, Any]) -> Layout:
    from ftdata.preview.paint import glyphs_for, wants_colours
    from ftdata.preview.text import Layout

    sink = sys.stdout
    columns = options["width"] or (shutil.get_terminal_size().columns if sink.isatty() else 80)
    return Layout(
        max(40, min(columns, 1000)), 0 if options["full"] else 200, wants_colours(options["color"], sink), glyphs_for(sink)
    )


def _show_text(picked: Iterable[Picked], options: dict[str, Any]) -> int:
    from ftdata.preview.text import lines_of

    layout = _layout(options)
    shown = 0
    for view in _views(picked, options):
        _print([[], *lines_of(view, layout)] if shown else lines_of(view, layout), layout.colours)
        shown += 1
    return shown


def _show_json(picked: Iterable[Picked], options: dict[str, Any]) -> int:
    from ftdata.preview.view import as_json

    views = [as_json(view) for view in _views(picked, options)]
    text = json.dumps({"samples": views}, ensure_ascii=False, indent=1)
    sys.stdout.write(text.encode("utf-8", "replace").decode() + "\n")
    sys.stdout.flush()
    return len(views)


def _views(picked: Iterable[Picked], options: dict[str, Any]) -> Iterator[Any]:
    from ftdata.formats import detect_row, parse
    from ftdata.preview.view import make_view

    tokenizer = _tokenizer(options)
    findings = _findings(options) if options["findings"] else {}
    for row in picked:
        sample = parse(row.value, options["format_"] or detect_row(row.value))
        yield make_view(
            sample, row.item.path, row.row, row.line, row.id, tokenizer, findings=findings.get((row.item.path, row.row), ())
        )


def _tokenizer(options: dict[str, Any]) -> Tokenizer | None:
    """The tokenizer that counts; none, with a note, where the usual one is not at hand."""
    from ftdata.errors import MissingTokenizer
    from ftdata.measure.tokens import load_tokenizer

    try:
        return load_tokenizer(options["tokenizer"] or "o200k_base")
    except MissingTokenizer as error:
        if options["tokenizer"]:
            raise
        _say(f"note: tokens are not counted: {error.message}")
        return None


def _findings(options: dict[str, Any]) -> dict[tuple[str, int], list[Finding]]:
    """The findings of every row, by file and row, as `ftdata lint` finds them."""
    from ftdata.cli.options import find_settings, make_choice
    from ftdata.cli.progress import Progress
    from ftdata.judge.run import Options, judge

    config = find_settings({"config_path": None, "isolated": False})
    chosen = {
        "targets": options["targets"],
        "goal": None,
        "select": (),
        "extend_select": (),
        "ignore": (),
        "tokenizer": options["tokenizer"],
    }
    with Progress("linting") as progress:
        report = judge(
            options["paths"], make_choice(chosen, config),
            Options(format=options["format_"], progress=progress.update, count_tokens=False),
        )  # fmt: skip
    found: dict[tuple[str, int], list[Finding]] = {}
    for finding in report.findings:
        if finding.location.row is not None:
            found.setdefault((finding.location.path, finding.location.row), []).append(finding)
    return found


def _print(lines: Iterable[Any], colours: bool) -> None:
    from ftdata.preview.paint import paint

    sink = sys.stdout
    if hasattr(sink, "reconfigure"):
        sink.reconfigure(errors="backslashreplace")
    for line in lines:
        sink.write(paint(line, colours) + "\n")
    sink.flush()


def _say(text: str) -> None:
    from ftdata.report.escape import escape

    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")
    sys.stdout.flush()
    sys.stderr.write(escape(text) + "\n")
    sys.stderr.flush()
