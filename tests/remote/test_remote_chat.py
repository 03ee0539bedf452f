"""``ftdata chat`` and ``ftdata eval`` with a model on a service: streamed answers of a real server, with our settings."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("openai")

from test_remote_command import here, run, train  # noqa: F401
from test_remote_run import Played, client_of, played  # noqa: F401

from ftdata.train.evaluate.speakers import RemoteSpeaker, Sampling
from ftdata.train.remote.client import ServiceError

TURNS = [{"role": "user", "content": "Which way is north?"}]
SAID = "tiny-model heard: Which way is north?"


def test_an_answer_is_streamed_piece_by_piece_with_all_settings(played):  # noqa: F811
    pieces = list(RemoteSpeaker(client_of(played), "tiny-model", Sampling(7, 0.5, seed=3)).stream(TURNS))
    assert len(pieces) > 3 and "".join(pieces) == SAID
    (asked,) = played.state["asked"]
    assert asked == {"model": "tiny-model", "messages": TURNS, "stream": True, "max_tokens": 7, "temperature": 0.5, "seed": 3}


def test_without_settings_the_services_own_hold(played):  # noqa: F811
    assert "".join(RemoteSpeaker(client_of(played), "tiny-model").stream(TURNS)) == SAID
    assert played.state["asked"] == [{"model": "tiny-model", "messages": TURNS, "stream": True}]


def test_an_answer_that_is_closed_early_asks_for_nothing_more(played):  # noqa: F811
    pieces = RemoteSpeaker(client_of(played), "tiny-model").stream(TURNS)
    assert next(pieces)
    pieces.close()
    assert len(played.state["asked"]) == 1


@pytest.mark.parametrize(("breaks", "words"), [("cut", "cannot be reached"), ("error", "overloaded")])
def test_an_answer_that_breaks_off_ends_in_words_and_is_not_asked_twice(played, breaks, words):  # noqa: F811
    played.ask("_script", {"breaks": breaks})
    said = []
    with pytest.raises(ServiceError, match=words):
        for piece in RemoteSpeaker(client_of(played), "tiny-model").stream(TURNS):
            said.append(piece)
    assert "".join(said) == "tiny-model heard: " and len(played.state["asked"]) == 1


@pytest.mark.parametrize("kind", ["429", "500", "cut", "html"])
def test_trouble_before_an_answer_begins_is_gone_through(played, kind):  # noqa: F811
    played.trouble("POST /chat", kind, 1)
    speaker = RemoteSpeaker(client_of(played), "tiny-model")
    if kind == "html":  # a stream of no events: it is not known whether the service worked
        with pytest.raises(ServiceError, match="no answer of this API"):
            list(speaker.stream(TURNS))
    else:
        assert "".join(speaker.stream(TURNS)) == SAID


@pytest.mark.parametrize("way", ["stream", "say"])
def test_a_model_of_one_temperature_is_asked_without_and_a_wish_is_not_dropped(played, way):  # noqa: F811
    played.ask("_script", {"temperature": True})
    speaker = RemoteSpeaker(client_of(played), "tiny-model", Sampling(9, 0.0))
    answer = "".join(speaker.stream(TURNS)) if way == "stream" else speaker.say(TURNS).text
    assert answer == SAID and speaker.fixed_temperature and "temperature" not in played.state["asked"][-1]
    with pytest.raises(ServiceError, match="temperature"):
        wished = RemoteSpeaker(client_of(played), "tiny-model", Sampling(9, 0.7))
        list(wished.stream(TURNS)) if way == "stream" else wished.say(TURNS)


def test_chat_and_eval_of_a_run_go_to_its_service(here, played):  # noqa: F811
    assert train(here, played, "-o", "run", "--yes").returncode == 0
    done = run(here, "chat", "--run", "run", "--max-tokens", "9", "--seed", "3", question="Which way?\nAnd back?\n")
    assert done.returncode == 0, done.stderr
    tuned = json.loads((here / "run/run.json").read_text())["model"]
    assert done.stdout.splitlines() == [f"{tuned} heard: Which way?", f"{tuned} heard: And back?"]
    asked = played.state["asked"][-1]
    assert (asked["max_tokens"], asked["temperature"], asked["seed"], len(asked["messages"])) == (9, 0.0, 3, 3)
    page = run(here, "eval", "--run", "run", "--html", "page.html", "--limit", "2")
    assert page.returncode == 0, page.stderr
    html = (here / "page.html").read_text("utf-8")
    assert tuned in html and "reference" in html and "<script" not in html
