"""Our requests and the test service's answers against OpenAI's own description, judged by Prism. Opt in:

    npm install @stoplight/prism-cli        # node; in any folder
    FTDATA_PRISM=THAT_FOLDER FTDATA_OPENAPI=openapi.yaml pytest tests/remote/test_conformance.py

The description is cut down to the paths that training uses, and unknown keys are forbidden in what we send. In proxy mode Prism
answers 422 to a request that breaks the description, and 500 where the service's answer does.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

PRISM, OPENAPI = os.environ.get("FTDATA_PRISM"), os.environ.get("FTDATA_OPENAPI")
pytestmark = [
    pytest.mark.skipif(not (PRISM and OPENAPI), reason="set FTDATA_PRISM and FTDATA_OPENAPI"),
    pytest.mark.filterwarnings("ignore"),
]
pytest.importorskip("openai")

from service import KEY  # noqa: E402
from test_remote_run import FILES, ROW, Played  # noqa: E402

from ftdata.train.remote.client import Client, Service, ServiceError  # noqa: E402
from ftdata.train.remote.run import Order, advance, prepare  # noqa: E402

PATHS = ("/files", "/uploads", "/fine_tuning/jobs", "/models/{model}", "/chat/completions")
STRICT = ("CreateFineTuningJobRequest", "CreateUploadRequest", "CompleteUploadRequest", "FineTuneSupervisedHyperparameters", "FineTuneSupervisedMethod",
          "FineTuneMethod", "FineTuneDPOHyperparameters", "FineTuneDPOMethod")  # fmt: skip


def strict_description(target):
    """Write the part of the description that training uses, with unknown keys forbidden in requests."""
    whole = yaml.load(Path(OPENAPI).read_text("utf-8"), Loader=yaml.CSafeLoader)
    whole["paths"] = {path: item for path, item in whole["paths"].items() if path.startswith(PATHS)}
    whole.pop("webhooks", None)
    others = [part for name, part in whole["components"].items() if name != "schemas"]
    schemas, wanted, todo = whole["components"]["schemas"], set(), [whole["paths"], *others]
    while todo:
        for name in _names(todo.pop()):
            if name not in wanted and name in schemas:
                wanted.add(name)
                todo.append(schemas[name])
    whole["components"]["schemas"] = {name: schemas[name] for name in wanted}
    for name in STRICT:
        if name in wanted and schemas[name].get("type") == "object":
            schemas[name]["additionalProperties"] = False
    target.write_text(json.dumps(whole), "utf-8")


def _names(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str):
                yield inner.rpartition("/")[2]
            else:
                yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The test service behind Prism: every request and every answer is judged."""
    folder = tmp_path_factory.mktemp("prism")
    strict_description(folder / "openapi.json")
    played = Played()
    port = 40000 + os.getpid() % 20000
    command = [
        str(Path(PRISM) / "node_modules/.bin/prism"),
        "proxy",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "--errors",
        str(folder / "openapi.json"),
        played.url,
    ]
    with (folder / "log").open("wb") as log:
        work = subprocess.Popen(command, stdout=log, stderr=log)
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/models/tiny-model", timeout=2)
        except urllib.error.HTTPError:
            break
        except OSError:
            assert work.poll() is None, (folder / "log").read_text()
            time.sleep(0.5)
        else:
            break
    played.proxied = f"http://127.0.0.1:{port}"
    played.log = folder / "log"
    yield played
    work.terminate()
    work.wait()
    played.server.shutdown()
    played.server.server_close()


@pytest.fixture
def client(judged, monkeypatch):
    monkeypatch.setenv("FTDATA_API_KEY", KEY)
    made = Client(Service(judged.proxied), deadline=0.0)
    # The description says that a file's content is JSON, which it never is: this one call goes past the judge.
    made.content = Client(Service(judged.url), deadline=0.0).content
    return made


def order(method="supervised", **hyper):
    return Order(
        "gpt-4.1-mini-2025-04-14", method, {"n_epochs": 3, "learning_rate_multiplier": 0.1, **hyper}, "suffix", 42, "project"
    )


def go(client, folder, made_order, files=FILES, **more):
    run, _ = prepare(folder, made_order, client.service, files)
    return advance(run, client, lambda words: None, lambda job, events: None, every=0.01, settle=0.1, **more), run


@pytest.mark.parametrize(("method", "hyper"), [("supervised", {}), ("dpo", {"beta": 0.2}), ("supervised", {"batch_size": 8})])
def test_a_whole_run_keeps_to_the_description(client, tmp_path, method, hyper):
    state, run = go(
        client, tmp_path / "run", order(method, **hyper), {"train": ROW * 20 + method.encode() * len(hyper), "eval": ROW * 5}
    )
    assert state == "succeeded" and run.state["model"] and run.state["checkpoints"]


def test_an_upload_in_parts_keeps_to_it(client, tmp_path):
    assert go(client, tmp_path / "run", order(), {"train": ROW * 3000}, single=1000, part=100_000)[0] == "succeeded"


def test_pause_resume_cancel_list_and_chat_keep_to_it(client, tmp_path):
    _, run = go(client, tmp_path / "run", order(), {"train": ROW * 33}, detach=True)
    job = run.state["job"]["id"]
    # "paused" is in the description's example of this call and not in its list of states: the judge refuses the answer, not the call.
    with pytest.raises(ServiceError) as caught:
        client.act(job, "pause")
    assert caught.value.status == 500 and client.service.host == "127.0.0.1"
    assert client.act(job, "resume").status == "running"
    assert client.act(job, "cancel").status == "cancelled"
    assert client.find_job(run.state["mark"]).id == job
    assert client.lists_model("tiny-model") and client.lists_model("no-model") is False
    assert client.chat("tiny-model", [{"role": "user", "content": "Hm?"}]).choices[0].message.content


def test_the_judge_is_awake(client):
    for wrong in ({"model": "m"}, {"model": "m", "training_file": "f", "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 0}}}},
                  {"model": "m", "training_file": "f", "suffix": "x" * 65}):  # fmt: skip
        with pytest.raises((ServiceError, TypeError)) as caught:
            client.create_job(**wrong)
        assert isinstance(caught.value, TypeError) or caught.value.status == 422
