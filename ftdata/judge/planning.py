"""Make the plan of a run: which rule needs what, and which cannot run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ftdata.errors import ConfigError, MissingTokenizer, UsageError, suggest
from ftdata.judge.expected import columns_of
from ftdata.judge.guard import Guard
from ftdata.judge.plan import Plan, Step
from ftdata.judge.select import Selected, Selection
from ftdata.measure.batch import Overhead
from ftdata.measure.registry import MEASURES
from ftdata.rule import Columns


def check_custom(rules: Sequence[Selected]) -> None:
    """Refuse SQL that polars refuses or that names a column which is no measure."""
    import polars as pl

    for selected in rules:
        if selected.where is None:
            continue
        try:
            columns = pl.sql_expr(selected.where).meta.root_names()
        except Exception as error:
            reason = str(error).splitlines()[0][:160]
            raise ConfigError(f"custom rule {selected.rule.code}: not a SQL predicate ({reason})") from None
        for column in columns:
            if column not in MEASURES:
                known = ", ".join(sorted(MEASURES))
                raise ConfigError(
                    f"custom rule {selected.rule.code}: unknown measure '{column}'.{suggest(column, MEASURES)}",
                    f"Measures: {known}.",
                )


def check_format(name: str | None) -> None:
    """Refuse the name of a format that does not exist."""
    from ftdata.formats import FORMATS

    if name is not None and name not in FORMATS:
        raise UsageError(f"unknown format '{name}'.{suggest(name, FORMATS)}", f"Formats: {', '.join(sorted(FORMATS))}.")


def make_plan(
    selection: Selection,
    skipped: dict[int, str],
    *,
    text_bytes: int = 0,
    count_tokens: bool = True,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Plan:
    """Return the plan of a run. A rule that cannot run is noted in ``skipped``: its number, and why."""
    steps: list[Step] = []
    columns: list[str] = []
    tokenizers: dict[str, tuple[str, Overhead]] = {}
    missing: dict[str, str] = {}
    for number, selected in enumerate(selection.rules):
        key = None
        if selected.wants_tokens:
            key, reason = _tokenizer(selected, selection, tokenizers, missing)
            if reason is not None:
                skipped[number] = reason
        if number not in skipped and "language" in _columns(selected) and not _installed("py3langid"):
            skipped[number] = "needs the language measure: pip install 'ftdata[lang]'"
        if number not in skipped and selected.rule.scope == "template":
            reason = _no_template(selected.params["folder"])
            if reason:
                skipped[number] = reason
        if selected.rule.scope == "dataset":
            columns += [name for name in selected.rule.needs if name in MEASURES and MEASURES[name].level != "token"]
        steps.append(Step(selected.rule.name, selected.params, key, selected.where, selected.rule.message, number in skipped))
    if count_tokens and not tokenizers:
        _reference_tokenizer(selection, tokenizers, missing)
    columns += columns_of(selection)
    return Plan(
        steps=tuple(steps),
        columns=tuple(dict.fromkeys(columns)),
        tokenizers=tokenizers,
        format=format,
        mapping=mapping,
        text_bytes=text_bytes,
        plugins=tuple(plugin.name for plugin in selection.plugins if plugin.problem is None),
    )


def _columns(selected: Selected) -> list[str]:
    """The measures that a rule reads."""
    import polars as pl

    if selected.where is not None:
        return pl.sql_expr(selected.where).meta.root_names()
    if selected.rule.scope == "measure":
        touched = Columns()
        Guard().run(0, selected.rule, lambda: [selected.rule.check(touched, selected.params)])
        return touched.touched
    return list(selected.rule.needs)


def _no_template(path: str) -> str | None:
    from ftdata.judge.templates import why_not

    return why_not(path) if path else "needs a model folder as target: --target PATH"


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _tokenizer(
    selected: Selected,
    selection: Selection,
    tokenizers: dict[str, tuple[str, Overhead]],
    missing: dict[str, str],
) -> tuple[str | None, str | None]:
    """Return the tokenizer key of a rule, or why it cannot be judged."""
    from ftdata.measure.tokens import load_tokenizer

    name = selected.tokenizer
    if name is None:
        target = selected.targets[0] if selected.targets else "the target"
        return (
            None,
            f"no tokenizer of {target} at hand; give its folder or tokenizer.json with --tokenizer PATH",
        )
    if name in missing:
        return None, missing[name]
    facts = next((t.facts for t in selection.targets if t.name in selected.targets), {})
    overhead = Overhead(**(facts.get("overhead") or {}))
    key = f"{name}+{overhead.per_message}+{overhead.per_sample}"
    if key not in tokenizers:
        try:
            load_tokenizer(name)
        except MissingTokenizer as error:
            missing[name] = f"{error.message}. {error.hint or ''}".strip()
            return None, missing[name]
        tokenizers[key] = (name, overhead)
    return key, None


def _reference_tokenizer(selection: Selection, tokenizers: dict[str, tuple[str, Overhead]], missing: dict[str, str]) -> None:
    """Count tokens for the facts and the price of findings, though no rule asks for them. Never with a guess: a
    target whose tokenizer is not at hand gets no numbers."""
    name = selection.tokenizer
    if name is None or name in missing:
        return
    probe = Selected(rule=selection.rules[0].rule, severity="info", params={}, tokenizer=name) if selection.rules else None
    if probe is not None:
        probe.targets = tuple(target.name for target in selection.targets[:1])
        _tokenizer(probe, selection, tokenizers, missing)
