"""``ftdata train``: check, split, plan, and then train, here or on a service."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ftdata.cli.options import eval_paths, find_settings, make_choice

if TYPE_CHECKING:
    from ftdata.train.gate import Gate

BACKENDS = ("local", "openai", "azure", "together", "fireworks")
_LOCAL = (
    ("--method", {"type": click.Choice(["qlora", "lora", "full"]), "help": "qlora (default): the base in 4 bits; lora: in 16; full: all weights. For a service: supervised or dpo follow the data."}),
    ("--epochs", {"type": float, "help": "How often the data is seen (default 3)."}),
    ("--max-steps", {"type": int, "help": "Stop after so many updates."}),
    ("--batch-size", {"type": int, "help": "Samples a step and device (default 4)."}),
    ("--accumulation", {"type": int, "help": "Steps an update (default 1)."}),
    ("--learning-rate", {"type": float, "help": "2e-4 for adapters, 2e-5 for all weights."}),
    ("--scheduler", {"metavar": "NAME", "help": "linear (default), cosine, constant ..."}),
    ("--warmup", {"type": float, "help": "A share of the run below 1, else steps (default 0.03)."}),
    ("--weight-decay", {"type": float, "help": "Default 0."}),
    ("--max-grad-norm", {"type": float, "help": "Default 1."}),
    ("--r", {"type": int, "help": "Rank of the adapter (default 16)."}),
    ("--alpha", {"type": int, "help": "Its scale (default 32)."}),
    ("--dropout", {"type": float, "help": "Its dropout (default 0.05)."}),
    ("--targets", {"metavar": "NAMES", "help": "Which layers it goes into: q_proj,v_proj (default) or all-linear."}),
    ("--max-length", {"type": int, "help": "Tokens a row (default: the longest sample, at most what the model takes)."}),
    ("--packing/--no-packing", {"default": None, "help": "Several samples in a row, which do not see each other."}),
    ("--gradient-checkpointing/--no-gradient-checkpointing", {"default": None, "help": "Less memory for a third more time (default on)."}),
    ("--precision", {"type": click.Choice(["auto", "bf16", "fp16", "fp32"]), "help": "Number type of the computation."}),
    ("--optimizer", {"metavar": "NAME", "help": "As transformers names them (default adamw_torch)."}),
    ("--eval-every", {"type": float, "help": "Evaluate after this share of the run, or so many steps (default 0.1)."}),
    ("--patience", {"type": int, "help": "Stop after so many evaluations without a better loss; 0 never (default 3)."}),
    ("--beta", {"type": float, "help": "Of preference training (default 0.1)."}),
    ("--report-to", {"metavar": "NAMES", "help": "tensorboard, wandb, ... as transformers knows them."}),
)  # fmt: skip


def _with(options: tuple[tuple[str, dict[str, Any]], ...]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    def add(command: Callable[..., int]) -> Callable[..., int]:
        for name, settings in reversed(options):
            command = click.option(name, **settings)(command)
        return command

    return add


@click.command(
    "train",
    epilog="Exit codes: 0 trained or planned, 1 the checks found errors or the run was stopped, 2 something cannot be used.",
)
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-m", "--model", required=True, metavar="MODEL", help="The folder of a model, or the name of one that the service tunes."
)
@click.option("-b", "--backend", type=click.Choice(BACKENDS), default="local", show_default=True, help="Where it is trained.")
@click.option(
    "-o", "--output", metavar="FOLDER", help="The run's folder (default: runs/ and a name from data, model and settings)."
)
@click.option("--plan", "plan_only", is_flag=True, help="Say what would be done, and what it would take; train nothing.")
@click.option(
    "--show-tokens", type=click.IntRange(min=1), metavar="N", help="With the plan: print N sequences, trained text marked."
)
@click.option(
    "--eval", "evals", multiple=True, metavar="PATH", help="Evaluation data; without it a part of the data is held back."
)
@click.option("--eval-share", type=float, default=0.2, show_default=True, help="How much is held back.")
@click.option("--no-eval", is_flag=True, help="Hold nothing back: nobody will know whether it learned by heart.")
@click.option(
    "--pilot",
    type=click.IntRange(min=4),
    metavar="N",
    help="Train on N samples, and on parts of them: says whether more data will help.",
)
@click.option(
    "--allow", multiple=True, metavar="RULE", help="Train in spite of this rule's errors; it is written into the run's card."
)
@click.option(
    "--on-refusal",
    type=click.Choice(["stop", "drop"]),
    default="stop",
    show_default=True,
    help="What to do with samples that cannot be trained on.",
)
@click.option(
    "--too-long",
    type=click.Choice(["refuse", "drop-turns"]),
    default="refuse",
    show_default=True,
    help="Samples longer than --max-length are refused, or lose their oldest turns. They are never cut.",
)
@click.option("--template", metavar="FILE", help="Use this chat template instead of the model's.")
@click.option("--gpus", type=click.IntRange(min=1), help="Train on several devices, through accelerate.")
@click.option("--gpu-memory", type=float, metavar="GIB", help="Plan for this much memory instead of what is there.")
@click.option("--seed", type=int, help="Of the split and the run (default 42).")
@_with(_LOCAL)
@click.option("--base-url", metavar="URL", help="Another service that speaks OpenAI's API.")
@click.option("--azure-endpoint", metavar="URL", help="The endpoint of Azure OpenAI.")
@click.option("--hyper", multiple=True, metavar="KEY=VALUE", help="A hyperparameter of the service, passed on as it is.")
@click.option("--grader", metavar="FILE", help="JSON that describes how a service grades answers; for reinforcement data.")
@click.option("--azure-tier", metavar="TYPE", help="Azure's trainingType: Standard, GlobalStandard or Developer.")
@click.option("--suffix", metavar="TEXT", help="A part of the tuned model's name.")
@click.option("--wandb-project", metavar="NAME", help="Let the service report to Weights & Biases.")
@click.option("--yes", is_flag=True, help="Spend money without asking.")
@click.option("--detach", is_flag=True, help="Do not wait for the job; `ftdata jobs follow` does.")
@click.option(
    "--poll",
    type=click.FloatRange(min=0.01),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to ask how the job is.",
)
@click.option("--export-only", is_flag=True, help="Write the files for the service and print its commands; nothing is sent.")
@click.option("-g", "--goal", metavar="NAME", help="What the data shall teach: sample counts, and advice.")
@click.option("--from", "format_", metavar="FORMAT", help="Read the rows as this format.")
@click.option("--select", multiple=True, metavar="RULE", help="Check by these rules only.")
@click.option("--extend-select", multiple=True, metavar="RULE", help="Check by these rules too.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Do not check these rules.")
@click.option("--config", "config_path", metavar="FILE", help="Use this configuration instead of the closest ftdata.toml.")
@click.option("--isolated", is_flag=True, help="Ignore configuration files.")
def command(**options: Any) -> int:
    """Check data, show what will be trained on and what it takes, and train.

    Data with errors does not train. A run goes on where it stopped when the same command is given again.
    """
    from ftdata.errors import UsageError

    config = find_settings(options)
    options |= {"targets_": options["targets"], "targets": (), "tokenizer": None}
    choice = make_choice(options, config)
    evals = eval_paths(options, config)
    if options["no_eval"] and evals:
        raise UsageError("--no-eval and --eval are two different things", "Use one of them.")
    if options["backend"] == "local":
        from ftdata.cli.train_local import run as train_here

        return train_here(options, config, choice, evals)
    from ftdata.cli.train_remote import run as train_there

    return train_there(options, config, choice, evals)


def stop_at_gate(gate: Gate) -> int:
    """Say what stopped the run: the findings, worst first. Returns the exit code."""
    from ftdata.report import full

    style = click.style if sys.stdout.isatty() else full.plain
    gate.report.verdicts = [verdict for verdict in gate.report.verdicts if verdict in gate.blocking]
    for line in full.render(gate.report, 3, style):
        sys.stdout.write(line + "\n")
    names = ", ".join(verdict.name for verdict in gate.blocking[:6])
    sys.stdout.write(
        f"Not trained: errors in the data ({names}). `ftdata fix` repairs some; --allow RULE trains in spite of one.\n"
    )
    sys.stdout.flush()
    return 1


def gate_lines(gate: Gate) -> Iterator[str]:
    """How the checks went, in a line or two."""
    counts = gate.report.counts
    words = ", ".join(
        f"{counts[s]:,} {s}{'s' if counts[s] != 1 and s != 'info' else ''}" for s in ("warning", "info") if counts[s]
    )
    yield f"checks    passed: no errors{'; ' + words if words else ''} ({len(gate.report.verdicts)} rules)"
    for verdict in gate.allowed:
        yield f"          allowed: {verdict.name}, {verdict.count:,} errors"


def mask_lines(parts: list[tuple[str, bool]]) -> Iterator[str]:
    """A sequence with its trained text marked: by colour on a terminal, else by brackets."""
    from ftdata.measure.private import mask
    from ftdata.report.escape import escape

    colour = sys.stdout.isatty()
    line = ""
    for text, trained in parts:
        shown = mask(text)
        pieces = shown.split("\n")
        for number, piece in enumerate(pieces):
            safe = escape(piece)
            line += (
                (click.style(safe, fg="green") if colour else f"⟦{safe}⟧")
                if trained and safe
                else safe
                if colour is False or trained
                else click.style(safe, dim=True)
            )
            if number < len(pieces) - 1:
                yield line
                line = ""
    yield line
