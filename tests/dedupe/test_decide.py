"""What goes and what stays, from files to decisions."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from ftdata.dedupe.classify import Texts, classify, difference
from ftdata.dedupe.collect import collect, make_views
from ftdata.dedupe.decide import LOOKS, Settings, decide, explore, search
from ftdata.dedupe.keep import make_rank
from ftdata.errors import UsageError


def chat(question, answer, system=None, **more):
    turns = [{"role": "system", "content": system}] if system else []
    return {"messages": [*turns, {"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


@pytest.fixture
def run(tmp_path):
    def go(rows, *, keep="first", view="conversation", **options):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        collection = collect([str(path)])
        settings_ = Settings(view=view, **options)
        views = make_views(collection, view, settings_.steps)
        found = search(collection, views, settings_)
        return decide(found, make_rank(keep, collection)), found, collection

    return go


def kinds(outcome):
    return sorted(match.judgement.kind for match in outcome.apart)


LONG = "The parcel left the warehouse on the ring road this morning and the courier will ring twice before noon."


def test_a_typo_goes_and_the_first_one_stays(run):
    outcome, _, _ = run([chat("Where is it?", LONG), chat("Where is it?", LONG.replace("courier", "couriers"))])
    assert list(outcome.dropped) == [1]
    assert outcome.dropped[1].kept == 0 and outcome.dropped[1].score > 97


def test_exact_copies_go_whatever_their_metadata(run):
    outcome, _, _ = run([chat("Where is it?", LONG, id=1), chat("Where is it?", LONG, id=2)])
    assert outcome.dropped[1].exact


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Please book a table for 2 at the harbour restaurant.", "Please book a table for 12 at the harbour restaurant."),
        ("Is it right that water boils at two hundred degrees?", "Is it right that water boils at one hundred degrees?"),
        ("Write down why exercise is good for people at work.", "Write down why exercise is not good for people at work."),
        ("Tell me how I get from here to the city of Berlin.", "Tell me how I get from here to the city of Hamburg."),
        ("배송이 3일 안에 도착하는지 자세히 알려 주실 수 있을까요?", "배송이 5일 안에 도착하는지 자세히 알려 주실 수 있을까요?"),
        ("남자친구 생일 선물로 무엇이 좋을지 추천해 주세요.", "여자친구 생일 선물로 무엇이 좋을지 추천해 주세요."),
    ],
)
def test_samples_that_differ_in_what_matters_both_stay(run, first, second):
    outcome, _, _ = run([chat(first, LONG), chat(second, LONG)])
    assert not outcome.dropped and kinds(outcome) == ["variant"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "Please compute the sum of 17 and 28 for me and say how you did.",
            "Compute the sum of 17 and 29 for me and say how you did it.",
        ),
        (
            "Please say which drugs may be taken with wine in the evening.",
            "Say which drugs may not be taken with wine in an evening.",
        ),
        (
            "Please show me the way to increase the volume of my old radio.",
            "Show me a way to decrease the volume of my old radio.",
        ),
    ],
)
def test_questions_with_another_number_or_the_opposite_stay_though_other_words_differ_too(run, first, second):
    outcome, _, _ = run([chat(first, LONG), chat(second, LONG)], threshold=80)
    assert not outcome.dropped and kinds(outcome) == ["variant"]


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        ("Could you explain in detail how a {} works?", "A {} works by moving parts in a steady rhythm.", ("kettle", "radio")),
        (
            "{} 만드는 방법을 처음 해 보는 사람도 알 수 있게 자세히 알려 주세요.",
            "{}을 만들려면 먼저 재료를 손질하고 천천히 익히면 돼요.",
            ("비빔밥", "콩국물"),
        ),
        (
            "请详细介绍一下{}这座城市的历史、气候、美食以及主要景点。",
            "{}是中国的一座大城市,历史悠久,气候宜人,美食丰富。",
            ("北京", "上海"),
        ),
    ],
)
def test_one_word_for_another_in_question_and_answer_alike_makes_two_samples(run, question, answer, words):
    outcome, _, _ = run([chat(question.format(word), answer.format(word)) for word in words], threshold=80)
    assert not outcome.dropped and kinds(outcome) == ["variant"]


def test_a_reworded_question_with_the_same_answer_is_a_duplicate(run):
    outcome, _, _ = run(
        [
            chat("Write a short note on why bees matter so much to us.", LONG),
            chat("Write a brief note on why bees matter so much to us.", LONG),
        ]
    )
    assert len(outcome.dropped) == 1


def test_the_same_question_with_another_answer_is_a_conflict_and_stays(run):
    long = "Dear support team, " + LONG * 4 + " How many days do I have to send it back?"
    outcome, _, _ = run([chat(long, "You have seven days."), chat(long, "Fourteen working weeks, and never more.")])
    assert not outcome.dropped and outcome.conflicts == [(0, 1)]
    nearly, _, _ = run(
        [chat(long, "You have seven days."), chat(long.replace("Dear", "Hello"), "Fourteen working weeks, never more.")]
    )
    assert not nearly.dropped and kinds(nearly) == ["conflict"]


def test_a_long_text_with_two_questions_about_it_is_two_samples(run):
    text = LONG * 6
    outcome, _, _ = run(
        [chat(text + " Who rings the bell?", "The courier."), chat(text + " Summarise in a word for my daughter.", "Delivery")]
    )
    assert not outcome.dropped and kinds(outcome) == ["shared"]


def test_the_same_answer_to_other_questions_is_a_template_and_stays(run):
    rows = [chat(question, LONG * 2) for question in ("Where is it?", "When does it come?", "Is it lost?", "Any news?")]
    outcome, _, _ = run(rows)
    assert not outcome.dropped and outcome.templates == [[0, 1, 2, 3]]


def test_the_same_words_beside_other_tools_are_two_samples(run):
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
    outcome, _, _ = run([chat("Where?", LONG), chat("Where?", LONG, tools=[tool])])
    assert not outcome.dropped and kinds(outcome) == ["context"]


def test_a_shared_system_prompt_makes_nothing_alike(run):
    system = "You are the assistant of a shop, friendly and brief. " * 40
    rows = [chat("Where is it?", "On its way.", system), chat("What does it cost?", "Nine euros.", system)]
    outcome, _, _ = run(rows)
    assert not outcome.dropped and not outcome.apart


def test_no_chain_takes_a_sample_that_the_kept_one_does_not_resemble(run):
    words = [f"word{'abcdefghij'[n % 10]}{n}" for n in range(40)]
    texts = [" ".join(words[k:]) + " end" * k for k in range(12)]
    texts = [text.translate(str.maketrans("0123456789", "qwertyuiop")) for text in texts]
    outcome, found, _ = run([chat("Go", text) for text in texts])
    assert outcome.clusters == 1 and len(outcome.dropped) < len(texts) - 1
    for index, match in outcome.dropped.items():
        assert fuzz.ratio(found.views.text[index], found.views.text[match.kept]) >= 90
    single, _, _ = run([chat("Go", text) for text in texts], linkage="single")
    assert len(single.dropped) > len(outcome.dropped)


def test_copies_of_a_near_text_go_with_it(run):
    other = LONG.replace("courier", "couriers")
    outcome, _, _ = run([chat("Where?", LONG), chat("Where?", other), chat("Where? ", other), chat("where?", other)])
    assert sorted(outcome.dropped) == [1, 2, 3]


@pytest.mark.parametrize(
    ("policy", "kept"), [("first", 0), ("last", 2), ("longest", 1), ("newest:date", 1), ("newest:meta.n", 0), ("best", 1)]
)
def test_a_policy_chooses_who_stays(run, policy, kept):
    rows = [
        chat("Where is it?", " " + LONG, date="2024-01-01", meta={"n": 9}),
        chat("Where is it?", LONG + " Bye now", date="2025-01-01", meta={"n": 1}),
        chat("Where is it?", LONG + " ", date="2024-06-01", meta={"n": 2}),
    ]
    outcome, _, _ = run(rows, keep=policy)
    assert set(range(3)) - set(outcome.dropped) == {kept}


def test_the_newest_of_exact_copies_stays_too(run):
    outcome, _, _ = run(
        [chat("Where?", LONG, date="1"), chat("Where?", LONG, date="3"), chat("Where?", LONG, date="2")], keep="newest:date"
    )
    assert set(outcome.dropped) == {0, 2} and outcome.dropped[0].kept == 1


def test_an_unknown_policy_or_field_is_an_error_that_helps(run):
    with pytest.raises(UsageError, match="unknown policy"):
        run([chat("a", "b")], keep="biggest")
    with pytest.raises(UsageError, match="no row has the field"):
        run([chat("a", LONG), chat("b", LONG)], keep="newest:date")


def test_a_result_is_decided_anew_at_a_higher_threshold_without_a_search(run):
    rows = [chat("Where?", LONG), chat("Where?", LONG.replace("ring road", "main road")), chat("Where?", LONG + "!")]
    _, found, collection = run(rows, threshold=80.0)
    counts = {
        threshold: len(outcome.dropped)
        for threshold, outcome in explore(found, make_rank("first", collection), (80.0, 95.0, 99.0, 100.0))
    }
    for threshold, count in counts.items():
        assert count == len(run(rows, threshold=threshold)[0].dropped)
    assert counts[80.0] == 2 and counts[100.0] == 0


def test_jaccard_sees_sentences_in_another_order(run):
    sentences = [f"Sentence {w} speaks about the {w} in the {w} of the house." for w in "roof door wall lamp sofa desk".split()]
    first, second = " ".join(sentences), " ".join(sentences[3:] + sentences[:3])
    assert not run([chat("Go", first), chat("Go", second)])[0].dropped
    outcome, _, _ = run([chat("Go", first), chat("Go", second)], metric="jaccard", threshold=0.7)
    assert list(outcome.dropped) == [1] and 70 <= outcome.dropped[1].score <= 100


def mile(number, please=""):
    return chat(
        f"{please}convert the distance of {number} miles into kilometres for me.",
        f"The distance of {number} miles is {number + 9} units.",
    )


@pytest.mark.parametrize("linkage", ["direct", "complete", "single"])
def test_a_set_made_from_a_template_is_judged_in_proportion_to_its_samples_not_to_their_pairs(run, linkage):
    outcome, _, _ = run([mile(number) for number in range(100, 400)], linkage=linkage)
    assert not outcome.dropped and len(outcome.apart) <= LOOKS * 300


def test_a_copy_is_found_among_hundreds_of_variants_that_are_more_alike(run):
    rows = [mile(number) for number in range(100, 400)]
    outcome, _, _ = run([*rows, mile(321, "Please ")])
    assert {other: match.kept for other, match in outcome.dropped.items()} == {300: 221}


def test_one_giant_cluster_raises_an_alarm(run):
    outcome, _, _ = run([chat("Where is it?", LONG + "." * (n % 7) + " " * n) for n in range(1500)])
    assert outcome.giant or len(outcome.dropped) >= 1490


WORDS = st.lists(st.sampled_from("a table for 2 12 not Berlin no yes 김 안 않 the book , . \n".split(" ")), max_size=12).map(
    " ".join
)


@given(WORDS, WORDS)
@settings(max_examples=200)
def test_a_difference_is_nothing_exactly_for_equal_words(first, second):
    assert bool(difference(first, second)) == (first.split(" ") != second.split(" ") and _words(first) != _words(second))
    assert classify(Texts("", first, first), Texts("", first, first), 90).kind == "duplicate"


def _words(text):
    from ftdata.dedupe.classify import tokens

    return tokens(text)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_every_pair_that_stays_together_is_below_the_threshold_or_no_duplicate(data):
    rng = random.Random(data.draw(st.integers(0, 10_000)))
    base = [rng.choice(["알파", "beta", "gamma", "delta", "입실론", "zeta", "eta", "theta"]) for _ in range(14)]
    texts = []
    for _ in range(24):
        words = list(base)
        for _ in range(rng.randrange(4)):
            words[rng.randrange(len(words))] = rng.choice(["iota", "kappa", "람다", "mu"])
        texts.append(" ".join(words))
    from ftdata.dedupe.collect import Collection

    collection = Collection()
    for number, text in enumerate(texts):
        for column, value in (("system", ""), ("prompt", "go"), ("answer", text), ("context", "")):
            getattr(collection, column).append(value)
        collection.ids.append(f"{hash(text):x}")
        collection.row.append(number)
        collection.file.append(0)
        collection.line.append(number)
        collection.offset.append(0)
    views = make_views(collection, "conversation", ())
    outcome = decide(search(collection, views, Settings()), make_rank("first", collection))
    stay = [index for index in range(len(texts)) if index not in outcome.dropped]
    known = {(match.kept, match.other) for match in outcome.apart} | {(match.other, match.kept) for match in outcome.apart}
    for a in stay:
        for b in stay:
            if a < b:
                assert fuzz.ratio(views.text[a], views.text[b]) < 90 or (a, b) in known
