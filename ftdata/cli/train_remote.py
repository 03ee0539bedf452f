"""``ftdata train --backend openai`` and its kin: from checked data to a job on a service, or to its files and commands."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftdata.config import Config
    from ftdata.judge.select import Choice
    from ftdata.train.prepare import Chosen
    from ftdata.train.remote.client import Service
    from ftdata.train.remote.price import Estimate
    from ftdata.train.remote.run import Order

_LOCAL_ONLY = (
    "r", "alpha", "dropout", "targets_", "max_length", "packing", "gradient_checkpointing", "precision", "optimizer", "eval_every", "patience",
    "report_to", "scheduler", "warmup", "weight_decay", "max_grad_norm", "accumulation", "max_steps", "template", "gpus", "gpu_memory", "show_tokens",
    "learning_rate", "pilot",
)  # fmt: skip
_KINDS = {"sft": "supervised", "preference": "dpo", "reinforcement": "reinforcement"}
_DATED = ("target-ends", "target-ended")


def run(options: dict[str, Any], config: Config, choice: Choice, evals: tuple[str, ...]) -> int:
    """Check, estimate, ask, and train on the service."""
    from dataclasses import replace

    from ftdata.cli.fix import show
    from ftdata.cli.follow import follow, waiting
    from ftdata.cli.progress import Progress
    from ftdata.cli.train import gate_lines, stop_at_gate
    from ftdata.errors import UsageError
    from ftdata.split.assign import Settings
    from ftdata.train.gate import check
    from ftdata.train.prepare import choose, kind_of

    given = [name for name in _LOCAL_ONLY if options[name] not in (None, False, ())]
    if given:
        name = given[0].rstrip("_").replace("_", "-")
        hint = (
            "Services take learning_rate_multiplier: --hyper learning_rate_multiplier=0.1."
            if name == "learning-rate"
            else "Leave it out."
        )
        raise UsageError(f"--{name} is for local training", hint)
    exported = options["backend"] in ("together", "fireworks")
    if exported and not options["export_only"]:
        raise UsageError(
            f"--backend {options['backend']}: has an API of its own, which ftdata does not call",
            "Add --export-only: the files are checked and written, and the commands printed.",
        )
    service = _service(options)
    target = _target(options, service)
    if not service.is_openai:
        choice = replace(choice, ignore=(*choice.ignore, *_DATED))
    with Progress("checking") as progress:
        gate = check(
            options["paths"],
            evals,
            choice,
            targets=[target],
            allow=options["allow"],
            format=options["format_"],
            progress=progress.update,
        )
    if not gate.passed:
        return stop_at_gate(gate)
    settings = Settings(share=options["eval_share"], seed=42 if options["seed"] is None else options["seed"])
    with Progress("reading") as progress:
        chosen = choose(
            options["paths"],
            evals,
            settings,
            format=options["format_"],
            evaluate=not options["no_eval"],
            progress=progress.update,
        )
    kind = kind_of(chosen.collection, chosen.train, options["format_"])
    if kind not in _KINDS:
        raise UsageError(
            f"data of the kind '{kind}' is not trained by this service",
            "Conversations, preference pairs and reinforcement data are.",
        )
    files = _files(chosen, kind, exported)
    show(gate_lines(gate))
    order = _order(options, _KINDS[kind])
    order.check(service)
    _check_method(order, service)
    if exported or options["export_only"]:
        return _export(options, order, files)
    guess = _estimate(order, service, files["train"], target)
    show(_price_lines(order, guess, files, service))
    for finding in gate.report.findings:
        if finding.name in _DATED:
            notes = next((verdict.notes for verdict in gate.report.verdicts if verdict.name == finding.name), [])
            show([f"note      {finding.message}", *(f"          {note}" for note in notes)])
    if options["plan_only"]:
        return 0
    from ftdata.train.remote.client import Client
    from ftdata.train.remote.run import check_model, prepare

    client = Client(service, say=waiting)
    made, goes_on = prepare(
        options["output"] or _default_name(options, files), order, service, files, gate=gate.card(), command=shlex.join(["ftdata", *sys.argv[1:]]),
        split={"seed": settings.seed, "share": settings.share} if chosen.split is not None else None,
    )  # fmt: skip
    if not made.state.get("job"):
        note = check_model(client, order)
        if note:
            show([f"note      {note}"])
        if not _agreed(options, guess):
            show(["Nothing was sent and nothing spent. The same command asks again."], error=True)
            return 2
    show([f"run       {made.path}" + (f" (goes on: {made.state['state']})" if goes_on else "")])
    return follow(made, client, every=options["poll"], detach=options["detach"])


def _service(options: dict[str, Any]) -> Service:
    from ftdata.errors import UsageError
    from ftdata.train.remote.client import OPENAI, Service

    if options["backend"] == "azure":
        if not options["azure_endpoint"]:
            raise UsageError("--backend azure needs --azure-endpoint", "As https://NAME.openai.azure.com.")
        return _named(Service(azure=options["azure_endpoint"]))
    if options["azure_endpoint"]:
        raise UsageError("--azure-endpoint is for --backend azure", "Leave one of them out.")
    return _named(Service(options["base_url"] or OPENAI))


def _named(service: Service) -> Service:
    from ftdata.train.remote.hosts import remember

    service.check()
    return remember(service)


def _target(options: dict[str, Any], service: Service) -> str:
    """The pack whose rules the service goes by."""
    import ftdata.checks  # noqa: F401  (a pack is checked against the rules)
    from ftdata.packs import load_target

    if options["backend"] in ("together", "fireworks"):
        return str(options["backend"])
    if options["backend"] == "azure":
        return "azure-openai"
    base = options["model"].split(":")[1] if options["model"].startswith("ft:") else options["model"]
    models = {key for pack in load_target("openai") for key in pack.data.get("models") or {}}
    return f"openai:{base}" if base in models else "openai"


def _check_method(order: Order, service: Service) -> None:
    """Raise UsageError where OpenAI does not tune this model by this method (what its pack says of the model)."""
    from ftdata.errors import UsageError
    from ftdata.packs import load_target

    base = order.model.split(":")[1] if order.model.startswith("ft:") else order.model
    words = {"sft": "supervised"}
    methods = {
        name: [words.get(kind, kind) for kind in model.get("methods") or ()]
        for pack in load_target("openai")
        for name, model in (pack.data.get("models") or {}).items()
    }
    if service.is_openai and methods.get(base) and order.method not in methods[base]:
        others = ", ".join(name for name, kinds in methods.items() if order.method in kinds)
        raise UsageError(
            f"{base} is not tuned by the method {order.method}, which this data is for; it is by {', '.join(methods[base])}",
            f"These are: {others}." if others else "Choose another model, or other data.",
        )


def _files(chosen: Chosen, kind: str, exported: bool) -> dict[str, bytes]:
    """The rows as they stand, one object a line: {"train": ..., "eval": ...}."""
    from ftdata.dedupe.write import rows_of

    files: dict[str, bytes] = {}
    for name, collection, indexes in (("train", chosen.collection, chosen.train), ("eval", chosen.held_collection, chosen.held)):
        wanted = {(collection.file[index], collection.row[index]) for index in indexes}
        data = b"".join(
            line.strip() + b"\n" for number, row, line in rows_of(collection) if row is not None and (number, row) in wanted
        )
        if data:
            files[name] = data
    return files


def _order(options: dict[str, Any], method: str) -> Order:
    from ftdata.errors import UsageError
    from ftdata.train.remote.run import DEFAULT_EPOCHS, DEFAULT_MULTIPLIER, Order

    if options["method"]:
        raise UsageError(
            f"--method {options['method']} is for local training", f"On a service the method follows the data: {method} here."
        )
    hyper: dict[str, Any] = {"n_epochs": DEFAULT_EPOCHS}
    if not options["base_url"]:
        hyper["learning_rate_multiplier"] = DEFAULT_MULTIPLIER
    if options["epochs"] is not None:
        if options["epochs"] != int(options["epochs"]):
            raise UsageError(f"--epochs {options['epochs']:g}: a service takes whole epochs")
        hyper["n_epochs"] = int(options["epochs"])
    if options["batch_size"] is not None:
        hyper["batch_size"] = options["batch_size"]
    if options["beta"] is not None:
        hyper["beta"] = options["beta"]
    for pair in options["hyper"]:
        name, sign, text = pair.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"--hyper {pair}: is no key=value", "As --hyper learning_rate=0.0001.")
        hyper[name.strip()] = _value(text.strip())
    from ftdata.train.remote.connect import without_keys

    if any(without_keys(f"{name}={value}") != f"{name}={value}" for name, value in hyper.items()):
        raise UsageError(
            "--hyper holds what looks like a key", "Keys come from the environment or the keyring, never from flags."
        )
    return Order(
        options["model"], method, hyper, options["suffix"], options["seed"], options["wandb_project"],
        azure_tier=options["azure_tier"], grader=_grader(options["grader"]),
    )  # fmt: skip


def _grader(path: str | None) -> dict[str, Any] | None:
    import json

    from ftdata.errors import ReadError

    if path is None:
        return None
    try:
        value = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"--grader {path}: cannot be read ({error})", "It is a file with one JSON object.") from None
    if not isinstance(value, dict):
        raise ReadError(f"--grader {path}: is no JSON object", "As OpenAI's description of graders has it.")
    return value


def _value(text: str) -> Any:
    import json

    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float | bool) else text


def _estimate(order: Order, service: Service, data: bytes, target: str) -> Estimate | None:
    """Count the tokens of the training file as the service's tokenizer does, and price them."""
    import tempfile

    from ftdata.judge.run import Options, judge
    from ftdata.judge.select import Choice
    from ftdata.train.remote.price import estimate

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_bytes(data)
        report = judge([str(path)], Choice(targets=(target,), select=("too-long",)), Options())
    tokens = report.facts.get("tokens")
    epochs = order.hyper.get("n_epochs")
    if not tokens:
        return None
    return estimate(order.model, int(tokens["total"]), epochs if isinstance(epochs, int) else 1, service.host)


def _price_lines(order: Order, guess: Estimate | None, files: dict[str, bytes], service: Service) -> list[str]:
    rows = {name: data.count(b"\n") for name, data in files.items()}
    lines = [
        f"data      {rows['train']:,} samples for training, {rows.get('eval', 0):,} for validation",
        f"job       {order.model} on {service.host}, {order.method}, "
        + ", ".join(f"{name} {value}" for name, value in order.hyper.items()),
    ]
    if guess is None:
        return [*lines, "price     unknown: no tokenizer of this model is at hand"]
    auto = "" if isinstance(order.hyper.get("n_epochs"), int) else " (n_epochs is auto: the service decides, this is for one)"
    lines.append(f"tokens    {guess.tokens:,} in the file, {guess.billed:,} billed in {guess.epochs} epochs{auto}")
    if guess.dollars is None:
        return [*lines, f"price     unknown: {guess.why}"]
    return [
        *lines,
        f"price     ${guess.dollars:,} at ${guess.per_million} a million training tokens, as last known ({guess.source})",
    ]


def _agreed(options: dict[str, Any], guess: Estimate | None) -> bool:
    """Whether money may be spent: --yes, or a yes on the terminal."""
    import contextlib
    import signal

    import click

    from ftdata.errors import UsageError

    if options["yes"]:
        return True
    if not sys.stdin.isatty():
        raise UsageError("training costs money, and nobody can be asked here", "Add --yes to spend it.")
    # polars lets the system repeat a read that Ctrl-C interrupts (2.1.0, seen 2026-11-23): the question would stay.
    with contextlib.suppress(AttributeError, ValueError):
        signal.siginterrupt(signal.SIGINT, True)
    price = f"about ${guess.dollars:,}" if guess is not None and guess.dollars is not None else "an unknown amount"
    return click.confirm(f"Spend {price}?", default=False, err=True)


def _default_name(options: dict[str, Any], files: dict[str, bytes]) -> Path:
    from ftdata.train.runs import hash_of

    stem = Path(options["paths"][0]).name.partition(".")[0] or "data"
    key = hash_of([options["model"], options["backend"], options["base_url"], options["azure_endpoint"], options["epochs"], options["batch_size"],
                   options["beta"], options["hyper"], options["suffix"], options["seed"],
                   *(value for value in (options["wandb_project"], options["azure_tier"], _grader(options["grader"])) if value), [hash_of(data.decode("utf-8", "replace")) for data in files.values()]])  # fmt: skip
    model = "".join(c if c.isalnum() or c in "-._" else "-" for c in options["model"])
    return Path("runs") / f"{stem}-{model}-{key[:8]}"


def _export(options: dict[str, Any], order: Order, files: dict[str, bytes]) -> int:
    """Write the files and print the service's own commands."""
    from ftdata.cli.fix import show
    from ftdata.errors import UsageError
    from ftdata.train.remote.commands import commands_of
    from ftdata.write import write_atomically

    folder = Path(options["output"] or _default_name(options, files))
    inputs = {Path(path).resolve() for path in options["paths"]}
    if any((folder / f"{name}.jsonl").resolve() in inputs for name in files):
        raise UsageError(f"{folder} holds the input", "Choose another folder with -o.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made ({error.strerror})", "Choose another folder.") from None
    for name, data in files.items():
        write_atomically(folder / f"{name}.jsonl", [data])
    rows = {name: len(data.splitlines()) for name, data in files.items()}
    show([f"written   {folder / name}.jsonl, {count:,} samples" for name, count in rows.items()])
    show(["", *commands_of(options["backend"], order, {name: folder / f"{name}.jsonl" for name in files})])
    return 0
