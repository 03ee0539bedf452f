"""``ftdata cache``: look at the results that are kept, or delete them."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("cache", epilog="Exit codes: 0 done, 2 a wrong flag.")
@click.argument("verb", type=click.Choice(["show", "clear"]))
@click.option(
    "--cache-dir", metavar="FOLDER", envvar="FTDATA_CACHE_DIR", help="Where results are kept (default: ~/.cache/ftdata)."
)
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)  # fmt: skip
def command(verb: str, cache_dir: str | None, output_format: str) -> int:
    """Show how much `ftdata lint` keeps of its results, or clear it. It never keeps more than 256 MB, and deletes the oldest first."""
    import json

    from ftdata.cli.fix import show
    from ftdata.judge.cache import Cache, default_folder

    cache = Cache(Path(cache_dir or default_folder()))
    if verb == "clear":
        count, size = cache.clear()
    else:
        files = cache.files()
        count, size = len(files), sum(size for _, size, _ in files)
    results = f"{count:,} result{'s' if count != 1 else ''}, {size / 1e6:,.1f} MB"
    text = f"{cache.folder}: {results}" if verb == "show" else f"{cache.folder}: deleted {results}"
    show([json.dumps({"folder": str(cache.folder), "results": count, "bytes": size}) if output_format == "json" else text])
    return 0
