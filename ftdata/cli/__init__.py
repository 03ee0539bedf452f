"""The command line. A static table names the commands, so that ``--help`` imports none of them."""

from __future__ import annotations

import importlib

import click

from ftdata import __version__

COMMANDS = {
    "lint": "Judge data files: what a provider rejects, what trains a model wrongly.",
    "fix": "Repair what is safe to repair, and show what was done.",
    "dedupe": "Find near-duplicates exactly, show why they are, and drop what may go.",
    "convert": "Write data in any other format, and say what that format cannot hold.",
    "show": "Render conversations for people, and the exact text that training sees.",
    "merge": "Put files together: copies once, and where each sample comes from.",
    "sample": "Draw some samples by hash: the same ones again, also when the data grows.",
    "split": "Split data into training and evaluation that share nothing.",
    "train": "Check, split, plan and train: an adapter here, or a job on a service.",
    "jobs": "Look after jobs on a service: list, show, follow, pause, resume, cancel ...",
    "chat": "Talk to a trained model, or to its base.",
    "eval": "Compare a trained model with its base on data that it has not seen.",
    "export": "Write a trained model as one folder, as GGUF, or for Ollama; proven to be the same.",
    "diff": "Compare two files or folders as sets of samples: what was added, edited, moved.",
    "baseline": "Accept the findings that are there, so that only new ones count.",
    "report": "Great Expectations' Data Docs and suites of the verdicts.",
    "init": "Set up a repository: configuration, workflow and hook.",
    "cache": "Show or clear the results that lint keeps of unchanged files.",
    "rule": "Explain a rule, or list all of them.",
}

EXAMPLES = """
Examples:
  ftdata lint train.jsonl                          judge a file with the core rules
  ftdata lint train.jsonl --target openai          ... and with what OpenAI accepts
  ftdata lint train.jsonl eval.jsonl --goal style  ... with sample counts, and for leaks into eval
  ftdata fix train.jsonl -o fixed.jsonl            repair what is safe to repair
  ftdata dedupe train.jsonl -o clean.jsonl         drop near-duplicates, with the reason for each
  ftdata convert train.json --to openai-chat -o o.jsonl  any format into another, with what is lost
  ftdata split train.jsonl -o split/               80 to 20, nothing alike on both sides
  ftdata train train.jsonl --model ./llama --plan  what would be trained, and what it takes
  ftdata rule missing-assistant-turn               why a rule exists, and what to do
"""


class LazyGroup(click.Group):
    """A group whose commands are imported only when called; click's own would import all to print help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ftdata.cli.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; an unknown one gets a suggestion."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from ftdata.errors import UsageError, suggest

            raise UsageError(
                f"unknown command '{args[0]}'.{suggest(args[0], COMMANDS)}",
                f"Commands: {', '.join(COMMANDS)}.",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples as they stand."""
        formatter.write(EXAMPLES)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="The linter for fine-tuning data: bad data never trains.",
)
@click.version_option(__version__, "-V", "--version", message="ftdata %(version)s")
def cli() -> None:
    """Dispatch to a command."""
