"""Servers that answer with pages, other shapes, redirects or nothing: words instead of tracebacks, and nothing is done twice."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("openai")

from service import KEY
from test_remote_run import FILES, ORDER, ROW, Played, begin, client_of, go, played  # noqa: F401

from ftdata.errors import ReadError, UsageError
from ftdata.train.remote.client import Client, Service, ServiceError
from ftdata.train.remote.connect import find_key
from ftdata.train.remote.run import Order, check_model
from ftdata.train.runs import open_run

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
PATHS = ["POST /files", "GET /files", "POST /fine_tuning/jobs", "GET /fine_tuning/jobs", "GET /fine_tuning/jobs/ftjob"]


@pytest.mark.parametrize("kind", ["html", "page", "list", "half", "empty", "moved"])
@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_answer_is_gone_through_and_nothing_is_done_twice(played, tmp_path, path, kind):  # noqa: F811
    played.trouble(path, kind, 2)
    assert go(begin(played, tmp_path / "run"), client_of(played)) == "succeeded"
    assert len(played.files()) == 2 and len(played.state["jobs"]) == 1


@pytest.mark.parametrize("kind", ["html", "list", "half", "empty"])
def test_a_wrong_address_is_said_and_not_tried_for_ten_minutes(played, tmp_path, kind):  # noqa: F811
    played.trouble("GET /f", kind, 99)
    said: list[str] = []
    with pytest.raises(ServiceError, match="no answer of this API") as caught:
        go(begin(played, tmp_path / "run"), client_of(played, deadline=0.1, say=said.append))
    assert "/v1" in (caught.value.hint or "") and said and "tried again" in said[0]
    assert not any(request.startswith("POST") for request in played.state["requests"])


def test_a_long_page_is_told_in_short(played, tmp_path):  # noqa: F811
    played.trouble("GET /f", "page", 99)
    with pytest.raises(ServiceError) as caught:
        client_of(played, deadline=0).find_file("x.jsonl", 1)
    assert "Sign in" in caught.value.message and "<" not in caught.value.message and len(caught.value.message) < 800


def test_a_connection_that_hangs_is_given_up_and_the_work_looked_up(played, tmp_path):  # noqa: F811
    played.trouble("POST /fine_tuning/jobs", "hang", 1)
    assert go(begin(played, tmp_path / "run"), client_of(played, timeout=0.3)) == "succeeded"
    assert len(played.state["jobs"]) == 1


def test_data_and_key_do_not_follow_a_redirect_to_another_machine(played, tmp_path):  # noqa: F811
    other = Played()
    played.trouble("POST /files", "moved:" + other.url.removesuffix("/v1"), 1)
    with pytest.raises(ServiceError, match="was not named"):
        go(begin(played, tmp_path / "run"), client_of(played))
    assert other.state["requests"] == [] and other.state["files"] == {}
    played.trouble("GET /files", "moved:" + other.url.removesuffix("/v1"), 1)
    with pytest.raises(ServiceError, match="401"):  # the file list is asked for there, without the key
        client_of(played).find_file("x", 1)
    other.server.shutdown()
    other.server.server_close()


def test_azures_key_does_not_follow_either(played, monkeypatch):  # noqa: F811
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    other = Played()
    played.trouble("GET /files", "moved:" + other.url.removesuffix("/v1"), 1)
    with pytest.raises(ServiceError, match="401"):
        Client(Service(azure=played.url.removesuffix("/v1")), deadline=0).find_file("x", 1)
    other.server.shutdown()
    other.server.server_close()


@pytest.mark.parametrize(
    "address",
    ["https://user:secret@h.example/v1", "https://h.example/v1?api-key=secret", "https://h.example/v1#secret", "http://h.example/v1",
     "ftp://h.example", "h.example", "https://[bad", ""],
)  # fmt: skip
def test_an_address_that_holds_a_secret_or_is_none_is_refused_without_repeating_the_secret(address):
    with pytest.raises(UsageError) as caught:
        Service(address).check()
    assert "secret" not in caught.value.message


class Ours(Service):
    """A service that counts as OpenAI itself."""

    is_openai = True


def test_an_unknown_model_is_refused_before_the_upload_where_the_list_of_models_is_sure(played, monkeypatch):  # noqa: F811
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    client = Client(Ours(played.url), deadline=0)
    with pytest.raises(UsageError, match="has no model nothing"):
        check_model(client, Order("nothing", "supervised", {}))
    assert check_model(client, ORDER) is None
    assert "does not list" in (check_model(client_of(played), Order("nothing", "supervised", {})) or "")
    played.trouble("GET /models", "escape")
    assert check_model(client, ORDER) is None  # a server that does not say


@pytest.mark.parametrize(
    ("path", "value"),
    [(("job",), "x"), (("job", "id"), None), (("files",), []), (("files", "eval"), 7), (("files", "train", "path"), "../../secret"),
     (("request",), None), (("request", "method"), {}), (("service",), {"base_url": 1}), (("service", "more"), "x"), (("mark",), ""), (("state",), 3)],
)  # fmt: skip
def test_a_run_folder_that_is_damaged_inside_is_explained(played, tmp_path, path, value):  # noqa: F811
    go(begin(played, tmp_path / "run"), client_of(played), detach=True)
    file = tmp_path / "run" / "run.json"
    state = json.loads(file.read_text())
    place = state
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(state))
    before = len(played.state["requests"])
    with pytest.raises(ReadError, match=f"is damaged .*{path[0]}"):
        begin(played, tmp_path / "run")
    assert len(played.state["requests"]) == before


def test_a_format_that_is_no_number_is_no_run(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"identity": {}, "format": "x"}))
    with pytest.raises(ReadError, match="is no run"):
        open_run(tmp_path)


GRADER = {"type": "string_check", "name": "same", "operation": "eq", "input": "{{sample.output_text}}", "reference": "{{item.r}}"}


def test_reinforcement_needs_a_grader_and_sends_it(played, tmp_path):  # noqa: F811
    for order in (
        Order("m", "reinforcement", {}),
        Order("m", "reinforcement", {}, grader={"type": "x"}),
        Order("m", "dpo", {}, grader=GRADER),
    ):
        with pytest.raises(UsageError, match="grader"):
            order.check(Service())
    order = Order("grading-model", "reinforcement", {"n_epochs": 1}, grader=GRADER)
    order.check(Service())
    assert go(begin(played, tmp_path / "run", order, {"train": ROW * 20}), client_of(played)) == "succeeded"
    (job,) = played.state["jobs"].values()
    assert job["method"]["reinforcement"] == {"hyperparameters": {"n_epochs": 1}, "grader": GRADER}
    with pytest.raises(UsageError, match="other settings"):
        begin(
            played,
            tmp_path / "run",
            Order("grading-model", "reinforcement", {"n_epochs": 1}, grader=GRADER | {"operation": "ne"}),
            {"train": ROW * 20},
        )


def test_a_key_is_read_from_a_real_keyring_and_never_written_down(played, tmp_path, monkeypatch):  # noqa: F811
    keyring = pytest.importorskip("keyring")
    plain = pytest.importorskip("keyrings.alt.file")
    backend = plain.PlaintextKeyring()
    backend.file_path = str(tmp_path / "home" / "keyring.cfg")
    before = keyring.get_keyring()
    monkeypatch.delenv("FTDATA_API_KEY", raising=False)
    try:
        keyring.set_keyring(backend)
        with pytest.raises(UsageError, match=r"no key for 127\.0\.0\.1"):
            find_key(Service(played.url))
        keyring.set_password("ftdata", "127.0.0.1", KEY)
        assert find_key(Service(played.url)) == KEY
        go(begin(played, tmp_path / "run"), client_of(played))
        keyring.set_password("ftdata", "127.0.0.1", "schlüssel")
        with pytest.raises(UsageError, match=r"the keyring .* cannot be a key"):
            find_key(Service(played.url))
    finally:
        keyring.set_keyring(before)
    assert KEY.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())


def test_the_key_of_openai_goes_to_openai_and_to_this_machine_only(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("FTDATA_API_KEY", raising=False)
    with pytest.raises(UsageError, match=r"no key for elsewhere\.example") as error:
        find_key(Service("https://elsewhere.example/v1"))
    assert "OpenAI alone" in error.value.hint
    assert find_key(Service()) == find_key(Service("http://localhost:8000/v1")) == KEY
