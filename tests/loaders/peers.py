"""The trainers: which environment and driver, and how their rows are read."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import readers
from drivers.byte_tokenizer import TEXT
from said import Said, Turn, difference, openai_said, openai_turns, split, without_nulls
from sources import Converted

HERE = Path(__file__).parent
VENVS = Path(os.environ.get("FTDATA_LOADERS_VENVS", HERE.parents[2] / "venvs-loaders"))


@dataclass(frozen=True)
class Peer:
    """A trainer. ``module`` is what has to be importable; ``read`` reads a row of its driver's answer.

    ``ids``: its rows name the call that a result answers. ``apart``: it keeps text beside calls as a turn of its own.
    ``nulls``: whether null inside a definition of a tool survives; where not, the trainer takes it for Arrow's padding.
    """

    name: str
    module: str
    driver: str
    read: Callable[[Mapping[str, Any]], Said]
    ids: bool = True
    apart: bool = False
    nulls: bool = True

    def python(self) -> str:
        """The interpreter that has the trainer: of its own environment, or this one. Skips the test if there is none."""
        own = VENVS / self.name / "bin" / "python"
        if own.exists():
            return str(own)
        if importlib.util.find_spec(self.module) is None:
            pytest.skip(f"{self.name} is not installed here, nor in {VENVS.name}/{self.name} (see README.md)")
        return sys.executable

    def load(self, converted: Converted, **more: str) -> dict[str, Any]:
        """What the trainer's own code makes of converted data."""
        folder = converted.path.parent
        job = {"folder": str(folder), "data": str(converted.path), "name": converted.path.name.partition(".")[0], **more}
        job |= {"companion": str(converted.companion)} if converted.companion else {}
        paths = folder / "job.json", folder / "answer.json", folder / "log.txt"
        paths[0].write_text(json.dumps(job), "utf-8")
        command = [self.python(), str(HERE / "drivers" / f"{self.driver}.py"), str(paths[0]), str(paths[1])]
        caches = {"HF_HOME": str(folder / "hf"), "HF_DATASETS_CACHE": str(folder / "hf" / "datasets")}
        with paths[2].open("wb") as log:
            done = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | caches, timeout=900, check=False
            )
        assert done.returncode == 0, f"{self.name} stopped:\n{paths[2].read_text('utf-8', 'replace')[-3000:]}"
        answer: dict[str, Any] = json.loads(paths[1].read_text("utf-8"))
        return answer

    def expected(self, row: Mapping[str, Any]) -> Said:
        """What has to come out of a row in OpenAI's shape."""
        said = openai_said(row, ids=self.ids)
        said = replace(said, turns=split(said.turns)) if self.apart else said
        return said if self.nulls else replace(said, tools=tuple(map(without_nulls, said.tools)))


PEERS = {
    peer.name: peer
    for peer in (
        Peer("trl", "trl", "trl_trainer", readers.template_said),
        Peer("llama-factory", "llamafactory", "llama_factory", readers.llama_factory_said, ids=False),
        Peer("axolotl", "axolotl", "axolotl_loader", readers.template_said, nulls=False),
        Peer("torchtune", "torchtune", "torchtune_loader", readers.torchtune_said, ids=False),
        Peer("ms-swift", "swift", "ms_swift_loader", readers.swift_said, ids=False, apart=True, nulls=False),
        Peer("unsloth", "unsloth", "unsloth_loader", readers.template_said),
        Peer("mistral", "mistral_common", "mistral_validator", readers.mistral_said),
        Peer("together", "together", "together_checker", openai_said),
    )
}


def trained(rows: list[Any], expected: list[Any]) -> None:
    """Fail unless the loss is taken over the assistant's turns of each row, and no others; those of weight 0 are none."""
    found = []
    for index, (row, source) in enumerate(zip(rows, expected, strict=True)):
        answers = [turn for turn in source["messages"] if turn["role"] == "assistant" and turn.get("weight") != 0]
        turns = openai_turns(answers)
        pieces = row["trained"]
        if len(pieces) != len(turns) or not all(map(covers, pieces, turns)):
            found.append(f"row {index + 1}: {str(pieces)[:700]} / {str(turns)[:700]}")
    assert not found, f"{len(found)} of {len(rows)} rows are trained otherwise:\n" + "\n".join(found[:4])


def covers(piece: str, turn: Turn) -> bool:
    """Whether a trained text holds the text and the calls of a turn, and of a turn of text nothing else."""
    if not turn.calls and not turn.thought:
        return piece.removeprefix(TEXT) == turn.text
    return turn.text in piece and all(f'"{name}"' in piece for name, _ in turn.calls)


def equal(peer: Peer, rows: list[Any], expected: list[Any], read: Callable[[Any], Said] | None = None) -> None:
    """Fail unless every row says what it should; the first few that do not are shown."""
    assert len(rows) == len(expected), f"{len(expected)} rows went in, {len(rows)} came out"
    found = []
    for index, (row, source) in enumerate(zip(rows, expected, strict=True)):
        why = row["error"] if "error" in row else difference(peer.expected(source), (read or peer.read)(row))
        if why:
            found.append(f"row {index + 1}: {why}")
    assert not found, f"{len(found)} of {len(rows)} rows differ:\n" + "\n".join(found[:8])
