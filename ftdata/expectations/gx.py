"""Run expectations with Great Expectations, build its Data Docs, and write suites. The only module that imports it.

Its traps, measured with 1.24.1 on 2026-11-23: a missing column is a failed expectation, so columns are checked before; results come
back in another order, so each carries its number; null facts pass or fail by kind, so an expectation over one is skipped; Data Docs
print values of the data into HTML unescaped, so no values are handed over; the pages load styles from the internet.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ftdata.errors import ConfigError, MissingExtra, suggest
from ftdata.expectations.declare import Expectation

if TYPE_CHECKING:
    import polars as pl

ROWS = 100_000
_SEVERITY = {"error": "critical", "warning": "warning", "info": "info"}
# Counts and shares only: no value of the data reaches a page.
_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0, "include_unexpected_rows": False}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation. ``count`` of ``of`` rows are unexpected; ``observed`` is a number where it is one."""

    expectation: Expectation
    status: Literal["clean", "found", "skipped"]
    count: int = 0
    of: int = 0
    observed: float | int | None = None
    reason: str | None = None


def require() -> None:
    """Raise MissingExtra where Great Expectations is not installed."""
    from importlib.util import find_spec

    if find_spec("great_expectations") is None:
        raise MissingExtra("expectations need great-expectations", "pip install 'ftdata[gx]'")


def choose_rows(samples: pl.DataFrame, most: int | None) -> pl.DataFrame:
    """The samples that are handed over: all, or as many as asked for, chosen by their hash: the same ones every time."""
    if most is None or samples.height <= most or "id" not in samples.columns:
        return samples
    return samples.sort("id").head(most)


def run(
    expectations: Sequence[Expectation],
    samples: pl.DataFrame,
    facts: Mapping[str, Any],
    *,
    docs: Path | None = None,
    rows: int | None = ROWS,
) -> list[Outcome]:
    """Run expectations over the samples' measures and the facts, in their order; ``docs`` is a folder for Data Docs.

    Raises ConfigError for an expectation, an argument or a column that does not exist, MissingExtra without the package.
    """
    require()
    with _quiet() as gx:
        flat = dict(flatten(facts))
        outcomes: dict[int, Outcome] = {}
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_pandas("ftdata")
        chosen = choose_rows(samples, rows)
        validations = []
        for batch in ("samples", "dataset"):
            own = [(number, item) for number, item in enumerate(expectations) if item.batch == batch]
            if not own:
                continue
            columns = chosen.columns if batch == "samples" else list(flat)
            ready = []
            for number, item in own:
                missing = next((name for name in item.columns if name not in columns), None)
                if missing is not None:
                    raise ConfigError(
                        f"{item.where}: the batch {batch} has no column '{missing}'.{suggest(missing, columns)}",
                        f"Columns: {', '.join(sorted(columns))}.",
                    )
                empty = next((name for name in item.columns if batch == "dataset" and _is_null(flat[name])), None)
                if empty is not None or (batch == "samples" and not chosen.height):
                    why = f"the fact {empty} is not known here" if empty is not None else "there are no samples"
                    outcomes[number] = Outcome(item, "skipped", reason=why)
                    continue
                ready.append(_made(gx, item, number))
            if not ready:
                continue
            frame = _to_pandas(chosen) if batch == "samples" else _facts_frame(flat)
            asset = source.add_dataframe_asset(batch)
            name = (
                batch if chosen.height == samples.height or batch == "dataset" else f"{batch}-{chosen.height}-of-{samples.height}"
            )
            suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=ready))
            definition = gx.ValidationDefinition(data=asset.add_batch_definition_whole_dataframe("whole"), suite=suite, name=name)
            validation = context.validation_definitions.add(definition)
            result = validation.run(batch_parameters={"dataframe": frame}, result_format=_FORMAT)
            for entry in result.results:
                number = entry.expectation_config.meta["ftdata"]
                outcomes[number] = _outcome(expectations[number], entry)
            validations.append((name, validation, frame))
        if docs is not None:
            _build(gx, context, validations, docs)
        return [outcomes[number] for number in range(len(expectations))]


def flatten(facts: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, Any]]:
    """Facts as columns: nested ones are joined by an underscore, lists are left out."""
    for name, value in facts.items():
        key = f"{lead}{name}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{key}_")
        elif value is None or isinstance(value, str | int | float | bool):
            yield key, value


def suite_json(expectations: Sequence[Expectation], name: str) -> str:
    """The expectations of each batch as suites that a project of Great Expectations reads, as one JSON text."""
    require()
    with _quiet() as gx:
        suites = []
        for batch in ("samples", "dataset"):
            own = [_made(gx, item, number, mark=False) for number, item in enumerate(expectations) if item.batch == batch]
            if own:
                suites.append(gx.ExpectationSuite(name=f"{name}-{batch}", expectations=own).to_json_dict())
        for suite in suites:
            suite.pop("id", None)
            for entry in suite["expectations"]:
                entry.pop("id", None)
            suite["meta"] = {}
        return json.dumps(suites, indent=1, ensure_ascii=False, sort_keys=True)


def _made(gx: Any, item: Expectation, number: int, mark: bool = True) -> Any:
    import great_expectations.expectations as known

    classes = {_snake(name): getattr(known, name) for name in dir(known) if name.startswith("Expect") and name != "Expectation"}
    if item.type not in classes:
        raise ConfigError(
            f"{item.where}: there is no expectation '{item.type}'.{suggest(item.type, classes)}",
            "See greatexpectations.io/expectations.",
        )
    more = {"meta": {"ftdata": number}} if mark else {}
    try:
        return classes[item.type](
            **item.arguments,
            severity=_SEVERITY[item.severity],
            **more,
            **({"description": _plain(item.because)} if item.because else {}),
        )
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), str(error))[:160]
        raise ConfigError(
            f"{item.where}: {item.type} refuses its arguments ({reason})", "See greatexpectations.io/expectations."
        ) from None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _plain(text: str) -> str:
    """Words of a pack for a page that escapes nothing."""
    return re.sub(r"[<>&\"'`$]", " ", text)


def _outcome(item: Expectation, entry: Any) -> Outcome:
    raised = entry.exception_info or {}
    values = [raised] if "raised_exception" in raised else list(raised.values())
    if any(value.get("raised_exception") for value in values if isinstance(value, dict)):
        words = next(
            (
                str(value.get("exception_message"))
                for value in values
                if isinstance(value, dict) and value.get("exception_message")
            ),
            "no reason given",
        )
        return Outcome(item, "skipped", reason=f"great-expectations could not judge it: {words[:200]}")
    result = entry.result or {}
    observed = result.get("observed_value")
    number: Any = observed.item() if hasattr(observed, "item") else observed  # type: ignore[union-attr]
    return Outcome(
        item, "clean" if entry.success else "found", int(result.get("unexpected_count") or 0) or int(not entry.success), int(result.get("element_count") or 1),
        number if isinstance(number, int | float) and not isinstance(number, bool) else None,
    )  # fmt: skip


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _facts_frame(flat: Mapping[str, Any]) -> Any:
    import pandas

    return pandas.DataFrame([dict(flat)])


def _to_pandas(frame: pl.DataFrame) -> Any:
    """polars to pandas by way of plain lists: pyarrow is not needed. Hashes are no measures and stay out."""
    import pandas

    return pandas.DataFrame({name: frame[name].to_list() for name in frame.columns if name != "id"})


def _build(gx: Any, context: Any, validations: list[tuple[str, Any, Any]], folder: Path) -> None:
    """Data Docs into a folder. They show counts and shares; the values stay here."""
    folder.mkdir(parents=True, exist_ok=True)
    context.add_data_docs_site("ftdata", {
        "class_name": "SiteBuilder", "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": os.path.abspath(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}, "show_how_to_buttons": False,
    })  # fmt: skip
    for name, validation, frame in validations:
        checkpoint = context.checkpoints.add(gx.Checkpoint(name=name, validation_definitions=[validation], result_format=_FORMAT))
        checkpoint.run(batch_parameters={"dataframe": frame})
    context.build_data_docs(site_names=["ftdata"])


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Great Expectations without its warnings, logs and tracking."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("great_expectations", "great_expectations.core"):
            logging.getLogger(name).setLevel(logging.ERROR)
        import great_expectations as gx

        yield gx
