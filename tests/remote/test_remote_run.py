"""Remote runs against a real server with state: nothing is uploaded or created twice, whatever breaks."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("openai")

from service import KEY, serve

from ftdata.errors import ReadError, UsageError
from ftdata.train.remote import steps
from ftdata.train.remote.client import Client, Service, ServiceError
from ftdata.train.remote.run import Order, advance, best_checkpoint, prepare
from ftdata.train.runs import open_run

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ROW = b'{"messages": [{"role": "user", "content": "Which way?"}, {"role": "assistant", "content": "North."}]}\n'
FILES = {"train": ROW * 20, "eval": ROW * 5}
ORDER = Order("gpt-4.1-mini-2025-04-14", "supervised", {"n_epochs": 3, "learning_rate_multiplier": 0.1})


class Played:
    """The server, and how a test talks to it."""

    def __init__(self):
        self.server = serve()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def state(self):
        return self.ask("_state")

    def ask(self, path, value=None):
        data = json.dumps(value).encode() if value is not None else None
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", data), timeout=10) as answer:
            return json.loads(answer.read())

    def trouble(self, path, kind, times=1):
        self.ask("_trouble", {"path": path, "kind": kind, "times": times})

    def files(self):
        return [file for file in self.state["files"].values() if file["purpose"] == "fine-tune"]


@pytest.fixture
def played(monkeypatch):
    monkeypatch.setenv("FTDATA_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    played = Played()
    yield played
    played.server.shutdown()
    played.server.server_close()


def client_of(played, **more):
    return Client(Service(played.url), **{"deadline": 20, "pause": 0.01, **more})


def begin(played, folder, order=ORDER, files=FILES):
    return prepare(folder, order, Service(played.url), files)[0]


def go(run, client, **more):
    return advance(run, client, lambda words: None, lambda job, events: None, **{"every": 0.01, "settle": 0.05, **more})


def test_a_run_goes_from_files_to_a_model(played, tmp_path):
    run = begin(played, tmp_path / "run")
    assert go(run, client_of(played)) == "succeeded"
    state = json.loads((tmp_path / "run" / "run.json").read_text())
    assert state["model"].startswith("ft:gpt-4.1-mini") and len(state["checkpoints"]) == 4
    assert (tmp_path / "run" / "results").glob("*.csv")
    assert next((tmp_path / "run" / "results").glob("*.csv")).read_text().startswith("step,train_loss")
    assert [line["step"] for line in map(json.loads, (tmp_path / "run" / "log.jsonl").open())] == [1, 2, 3, 4]
    (job,) = played.state["jobs"].values()
    assert job["metadata"]["ftdata_data"] == state["identity"]["data"] and job["validation_file"]
    assert KEY not in "".join(path.read_text() for path in (tmp_path / "run").rglob("*") if path.is_file())


def test_the_same_files_are_not_uploaded_again_by_another_run(played, tmp_path):
    go(begin(played, tmp_path / "one"), client_of(played))
    go(begin(played, tmp_path / "two"), client_of(played))
    assert len(played.files()) == 2 and len(played.state["jobs"]) == 2


def test_a_finished_run_asks_for_nothing_more(played, tmp_path):
    go(begin(played, tmp_path / "run"), client_of(played))
    before = len(played.state["requests"])
    assert go(begin(played, tmp_path / "run"), client_of(played)) == "succeeded"
    assert len(played.state["requests"]) == before


@pytest.mark.parametrize("kind", ["429", "500", "503", "lost", "cut"])
@pytest.mark.parametrize(
    "path", ["POST /files", "GET /files", "POST /fine_tuning/jobs", "GET /fine_tuning/jobs", "GET /fine_tuning/jobs/ftjob"]
)
def test_trouble_is_gone_through_and_nothing_is_done_twice(played, tmp_path, path, kind):
    played.trouble(path, kind, 2)
    assert go(begin(played, tmp_path / "run"), client_of(played)) == "succeeded"
    assert len(played.files()) == 2 and len(played.state["jobs"]) == 1


def test_a_large_file_goes_in_parts_and_trouble_does_not_double_it(played, tmp_path):
    played.trouble("POST /uploads/upload_", "cut", 1)
    run = begin(played, tmp_path / "run", files={"train": ROW * 3000})
    assert go(run, client_of(played), single=1000, part=100_000) == "succeeded"
    (file,) = played.files()
    assert file["bytes"] == len(ROW) * 3000
    assert hashlib.sha256(ROW * 3000).hexdigest() == run.state["files"]["train"]["sha256"]


@pytest.mark.parametrize("kind", ["lost", "500"])
def test_the_end_of_an_upload_in_parts_that_got_lost_is_found_again(played, tmp_path, kind):
    run = begin(played, tmp_path / "run", files={"train": ROW * 3000})
    client = client_of(played)
    original = client.end_upload

    def broken(upload_id, parts, md5):
        client.end_upload = original
        played.trouble(f"POST /uploads/{upload_id}/complete", kind)
        return original(upload_id, parts, md5)

    client.end_upload = broken
    assert go(run, client, single=1000, part=100_000) == "succeeded"
    assert len(played.files()) == 1


DRIVER = """
import json, os, random, sys, urllib.request
sys.path.insert(0, {here!r})
import test_remote_run as tests
from ftdata.train.remote import run as runs
url, folder = sys.argv[1], sys.argv[2]
chance = random.Random(7)
def ask(value):
    urllib.request.urlopen(urllib.request.Request(url + "/_kill", json.dumps(value).encode()), timeout=10).read()
class Place: pass
place = Place(); place.url = url
kills = 0
while kills < 50:
    name = f"{{folder}}/run{{kills // 5}}"
    pid = os.fork()
    if pid == 0:
        ask({{"pid": os.getpid(), "requests": chance.randrange(1, 9) + kills % 3, "when": chance.choice(["before", "after"])}})
        files = {{part: data + tests.ROW * (kills // 5) for part, data in tests.FILES.items()}}
        tests.go(tests.begin(place, name, files=files), tests.client_of(place), single=2000, part=500)
        os._exit(0)
    kills += 1
    chance.random()
    os.waitpid(pid, 0)
ask({{"pid": 0, "requests": 10**9, "when": "after"}})
for number in range(10):
    files = {{part: data + tests.ROW * number for part, data in tests.FILES.items()}}
    assert tests.go(tests.begin(place, f"{{folder}}/run{{number}}", files=files), tests.client_of(place), single=2000, part=500) == "succeeded"
"""


def test_fifty_kills_leave_one_upload_of_each_file_and_one_job_of_each_run(played, tmp_path):
    code = DRIVER.format(here=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code, played.url, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    state = played.state
    assert len(state["jobs"]) == 10
    names = [file["filename"] for file in played.files()]
    assert sorted(names) == sorted(set(names)) and len(names) == 20
    for number in range(10):
        run = open_run(tmp_path / f"run{number}")
        assert run.state["state"] == "succeeded" and run.state["model"]
        assert state["jobs"][run.state["job"]["id"]]["metadata"]["ftdata_run"] == run.state["mark"]


def test_a_kill_at_a_random_moment_loses_nothing(played, tmp_path):
    chance = random.Random(3)
    code = (
        DRIVER.partition("kills = 0")[0].format(here=str(Path(__file__).parent))
        + "tests.go(tests.begin(place, folder + '/run'), tests.client_of(place))"
    )
    for _ in range(4):
        work = subprocess.Popen(
            [sys.executable, "-c", code, played.url, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            work.wait(chance.uniform(0.8, 1.8))
        except subprocess.TimeoutExpired:
            work.kill()
            work.wait()
    assert go(begin(played, tmp_path / "run"), client_of(played)) == "succeeded"
    assert len(played.files()) == 2 and len(played.state["jobs"]) == 1


def test_a_job_that_failed_names_the_rule_that_would_have_caught_it(played, tmp_path):
    played.ask("_script", {"end": "failed", "error": "Training file has 7 example(s), but must have at least 10 examples"})
    run = begin(played, tmp_path / "run")
    assert go(run, client_of(played)) == "failed"
    assert run.state["job"]["error"]["rule"] == "too-few-for-target"


def test_overfitting_is_seen_and_the_better_length_named(played, tmp_path):
    played.ask("_script", {"steps": 9, "rising": True})
    run = begin(played, tmp_path / "run")
    go(run, client_of(played))
    assert run.state["verdict"].startswith("overfitting") and "epochs 1 of 3" in run.state["verdict"]
    assert best_checkpoint(run)["step"] == 9  # the checkpoints' own figures fall


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        ({"status": 403, "message": "OpenAI is winding down the fine-tuning platform", "code": "training_not_available"}, "2027-01-06"),
        ({"status": 429, "message": "You exceeded your current quota", "code": "insufficient_quota"}, "no credit"),
        ({"status": 400, "message": "Invalid file format. Example 1 contains an extra \"tools\"."}, "extra-key"),
    ],
)  # fmt: skip
def test_what_the_service_refuses_is_explained_and_tried_once(played, tmp_path, refuse, words):
    played.ask("_script", {"refuse": refuse})
    with pytest.raises(ServiceError) as caught:
        go(begin(played, tmp_path / "run"), client_of(played))
    assert words in caught.value.message + (caught.value.hint or "")
    assert played.state["requests"].count("POST /fine_tuning/jobs") == 1


def test_an_unknown_model_and_a_wrong_method_are_one_message_and_no_job(played, tmp_path):
    for number, order in enumerate([Order("gpt-9", "supervised", {}), Order("gpt-4o-mini-2024-07-18", "dpo", {})]):
        with pytest.raises(ServiceError, match="400"):
            go(begin(played, tmp_path / str(number), order), client_of(played))
    assert not played.state["jobs"]


def test_a_wrong_key_is_one_message_without_the_key(played, tmp_path, monkeypatch):
    wrong = "sk-wrong-abcdefghijklmnopqrstuvwxyz123456"
    monkeypatch.setenv("FTDATA_API_KEY", wrong)
    with pytest.raises(ServiceError) as caught:
        go(begin(played, tmp_path / "run"), client_of(played))
    assert caught.value.status == 401 and wrong not in caught.value.message and wrong[-4:] not in caught.value.message
    assert not played.state["files"]


def test_no_key_and_no_safe_address_are_explained(monkeypatch):
    for name in ("FTDATA_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=r"no key for 127\.0\.0\.1"):
        Client(Service("http://127.0.0.1:1/v1"))
    monkeypatch.setenv("FTDATA_API_KEY", KEY)
    for address in ("http://example.com/v1", "ftp://x", "nonsense"):
        with pytest.raises(UsageError):
            Client(Service(address))


def test_a_service_that_is_not_there_is_said_after_the_deadline(tmp_path, monkeypatch):
    monkeypatch.setenv("FTDATA_API_KEY", KEY)
    service = Service("http://127.0.0.1:9/v1")
    run, _ = prepare(tmp_path / "run", ORDER, service, FILES)
    with pytest.raises(ServiceError, match="cannot be reached"):
        go(run, Client(service, deadline=0.1, pause=0.01))


def test_another_dataset_model_or_setting_is_refused_by_name(played, tmp_path):
    begin(played, tmp_path / "run")
    with pytest.raises(UsageError, match="other data"):
        begin(played, tmp_path / "run", files={"train": ROW * 21})
    with pytest.raises(UsageError, match="other model"):
        begin(played, tmp_path / "run", Order("tiny-model", "supervised", ORDER.hyper))
    with pytest.raises(UsageError, match="other settings"):
        begin(played, tmp_path / "run", Order(ORDER.model, "supervised", {"n_epochs": 4}))


def test_a_damaged_run_folder_is_explained_and_nothing_is_sent(played, tmp_path):
    run = begin(played, tmp_path / "run")
    (tmp_path / "run" / "data" / "train.jsonl").write_bytes(b"other")
    with pytest.raises(ReadError, match="not what the run began with"):
        go(run, client_of(played))
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(ReadError, match="cannot be read"):
        open_run(tmp_path / "run")
    assert not any(request.startswith("POST") for request in played.state["requests"])


def test_azure_is_spoken_to_by_its_own_paths_and_header(played, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    service = Service(azure=played.url.removesuffix("/v1"))
    order = Order("gpt-4.1-mini-2025-04-14", "supervised", {"n_epochs": 2}, azure_tier="developerTier")
    run, _ = prepare(tmp_path / "run", order, service, FILES)
    assert go(run, Client(service, deadline=20, pause=0.01)) == "succeeded"
    assert service.host == "127.0.0.1" and not service.is_openai and len(played.state["jobs"]) == 1


def test_two_processes_do_not_work_in_one_run(played, tmp_path):
    run = begin(played, tmp_path / "run")
    with run.locked(), pytest.raises(UsageError, match="another process"):
        go(open_run(tmp_path / "run"), client_of(played))


def test_paused_jobs_and_states_nobody_knows_count_as_still_going(played, tmp_path):
    run, client = begin(played, tmp_path / "run"), client_of(played)
    go(run, client, detach=True)
    client.act(run.state["job"]["id"], "pause")
    assert steps.follow(run, client, lambda job, events: None, every=0.01, most=0.05) == "paused"
    client.act(run.state["job"]["id"], "resume")
    assert go(run, client) == "succeeded"


@pytest.mark.parametrize(
    "order",
    [Order("m", "sft", {}), Order("m", "supervised", {}, suffix="x" * 65), Order("m", "supervised", {}, seed=-1),
     Order("m", "supervised", {"n_epochs": 51}), Order("m", "supervised", {"learning_rate_multiplier": 0})],
)  # fmt: skip
def test_what_the_description_of_the_api_refuses_is_refused_before_it_is_sent(order):
    with pytest.raises(UsageError):
        order.check(Service())
