"""Base beside tuned: losses that are the trainer's, checks that are exact, intervals that do not call noise a result."""

from __future__ import annotations

import json
import math
import re

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("transformers")

from click.testing import CliRunner
from tiny_export import make_family

from ftdata.cli.eval import command
from ftdata.cli.train import command as train_command
from ftdata.train.runs import open_run

pytestmark = pytest.mark.filterwarnings("ignore")
COLOURS, THINGS = ("red", "blue", "green", "black"), ("lamp", "car", "bird", "house", "tree", "cup")


def rows():
    for number, (colour, thing) in enumerate((c, t) for c in COLOURS for t in THINGS):
        question = f"Where is number {number * 37 % 101}, the {colour} {thing}, among all those others in the {number}th room?"
        if number % 3 == 0:
            yield {"messages": [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": question},
                                {"role": "assistant", "content": json.dumps({"colour": colour, "thing": thing})}]}  # fmt: skip
        else:
            answer = f"{colour} {thing}은 여기에 있습니다. <script>alert('{number}')</script>"
            yield {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that `ftdata train` made, so that what it held back can be found again."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("eval")
    make_family(folder / "base", "qwen2")
    (folder / "data.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows()))
    arguments = [folder / "data.jsonl", "--model", folder / "base", "-o", folder / "run", "--method", "lora", "--targets", "all-linear",
                 "--max-steps", 40, "--learning-rate", "1e-2", "--eval-every", 10, "--isolated", "--eval-share", 0.3]  # fmt: skip
    result = CliRunner().invoke(train_command, list(map(str, arguments)), standalone_mode=False)
    assert result.exception is None and result.return_value == 0, (result.exception, result.output[-2000:])
    return folder


def evaluate(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments), "--max-tokens", "24"], standalone_mode=False)


def facts(*arguments):
    result = evaluate(*arguments, "--format", "json")
    assert result.exception is None, result.exception
    return json.loads(result.output)


def test_the_losses_are_those_of_the_training_run(trained):
    made = facts(trained / "run", "--limit", 0)
    known = open_run(trained / "run").state["result"]["eval_loss"]
    assert made["data"] == "the samples that the run held back" and made["answers"] == []
    assert made["loss"]["all"]["base"] == pytest.approx(known["before"], abs=2e-3)
    assert made["loss"]["all"]["tuned"] == pytest.approx(known["best"], abs=2e-3)
    low, high = made["loss"]["all"]["interval"]
    assert low < made["loss"]["all"]["difference"] < high < 0


def test_slices_cover_all_samples_and_their_tokens(trained):
    losses = facts(trained / "run", "--data", trained / "data.jsonl", "--limit", 0)["loss"]
    parts = [entry for name, entry in losses.items() if name.startswith("system prompt")]
    assert [entry["samples"] for entry in parts] == [16, 8] and losses["all"]["samples"] == 24
    low, high = sorted(entry["tuned"] for entry in parts)
    assert low < losses["all"]["tuned"] < high


def test_answers_are_checked_and_shown_beside_each_other(trained, tmp_path):
    made = facts(trained / "run", "--data", trained / "data.jsonl", "--limit", 3, "--html", tmp_path / "page.html")
    assert len(made["answers"]) == 3 and made["checks"]["ends by itself"]["samples"] == 3
    assert any("3 samples only" in note for note in made["notes"])
    page = (tmp_path / "page.html").read_text()
    assert page.count("<article>") == 3 and "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)\s*=", page)


def test_changed_data_is_noticed_and_the_tokens_stand_in(trained):
    path = trained / "data.jsonl"
    before = path.read_text()
    try:
        path.write_text(before.replace("red", "rad"))
        made = facts(trained / "run", "--limit", 1)
    finally:
        path.write_text(before)
    assert "not what they were" in made["notes"][0] and list(made["loss"]) == ["all"]
    assert made["loss"]["all"]["tuned"] == facts(trained / "run", "--limit", 0)["loss"]["all"]["tuned"]


def test_data_that_was_trained_on_is_called_so(trained):
    made = facts(trained / "run", "--data", trained / "data.jsonl", "--limit", 0)
    assert made["samples"] == 24 and any("were trained on" in note for note in made["notes"])


def test_the_table_says_what_the_numbers_allow(trained):
    lines = evaluate(trained / "run", "--limit", "2").output
    assert "perplexity" in lines and "too few" in lines and lines.strip().splitlines()[-1].startswith("the tuned model is better")


def test_wrong_folders_and_flags_are_explained(trained, tmp_path):
    for arguments, words in (
        ([tmp_path], "no run in this folder"),
        ([tmp_path / "gone"], "no such folder"),
        ([trained / "run", "--html", tmp_path / "no" / "page.html"], "no folder"),
        ([trained / "run", "--base-model", tmp_path], "not there"),
        ([], "which run"),
    ):
        assert words in evaluate(*arguments).exception.message


def test_a_loss_is_the_mean_over_trained_tokens():
    import torch

    from ftdata.train.local.inference import Loaded, loss_of

    class Flat(torch.nn.Module):
        def forward(self, input_ids, use_cache):
            return type("Out", (), {"logits": torch.zeros(1, input_ids.shape[1], 7)})()

    total, count = loss_of(Loaded(Flat(), False, "cpu", "float32"), [1, 2, 3, 4], [True, False, True, True])
    assert count == 2 and total == pytest.approx(2 * math.log(7))
