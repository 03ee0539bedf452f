from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.measure.tokens import BUNDLED, ENCODINGS, BundledTokenizer, TiktokenTokenizer, read_tokens

pytest.importorskip("numba", reason="the compiled counter needs ftdata[fast]")
from ftdata.measure import bpe

TIKTOKEN: dict[str, TiktokenTokenizer] = {}
KERNEL: dict[str, bpe.PieceCounter] = {}


@pytest.fixture(scope="module", autouse=True)
def _counters(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        _fill_counters()


def _fill_counters():
    for name in BUNDLED:
        tokens = read_tokens(ENCODINGS[name])
        TIKTOKEN[name] = BundledTokenizer(name)
        KERNEL[name] = bpe.PieceCounter(tokens, modern=name == "o200k_base")


def check(texts):
    for name in BUNDLED:
        counts = KERNEL[name].count_strings(texts)
        for text, count in zip(texts, counts, strict=True):
            assert count == len(TIKTOKEN[name].encode(text)), (name, text)


FRAGMENTS = [
    *("'s", "'S", "'LL", "'Ll", "'re", "'VE", "'ſ", "'K", "'lſ", "'r", "'l", "''", "’s", "ſ", "K"),
    *(
        " ",
        "  ",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\u3000",
        "\u00a0",
        "\u0085",
        "\u2028",
        "\x1c",
        "\x0b",
        "/",
        "//\n",
    ),
    *("<|endoftext|>", "<|fim_suffix|>", "<|im_start|>", "\u0301", "A\u0301", "ǅ", "ʰ", "漢", "가", "힣나"),
    *(
        "😀",
        "👩‍👩‍👧",
        "é",
        "É",
        "1",
        "1234567",
        "٣٤",
        "Ⅷ",
        "½",
        "a",
        "A",
        "aB",
        "Ab",
        "ABC",
        "hello",
        " World",
    ),
    *("\0", "\x7f", "\u200b", "\ufeff", "\ufffd", "\U0010ffff", "--", "....", '{"', '":', "https://"),
]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join),
    st.lists(
        st.tuples(st.sampled_from([*FRAGMENTS, "=", "가나"]), st.integers(1, 120)).map(lambda t: t[0] * t[1]),
        max_size=6,
    ).map("".join),
)


@settings(deadline=None, max_examples=400)
@given(st.lists(TEXTS, max_size=5))
def test_counts_what_tiktoken_counts(texts):
    check(texts)


def test_fragments_in_every_order():
    check([a + b for a in FRAGMENTS for b in FRAGMENTS])
    draw = random.Random(0)
    check(["".join(draw.choices(FRAGMENTS, k=draw.randrange(3, 12))) for _ in range(5000)])


def test_every_token_of_the_vocabulary():
    for name in BUNDLED:
        check([token.decode("utf-8", "replace") for token in read_tokens(ENCODINGS[name])[::7]])


@pytest.mark.parametrize("size", [1, 2, 8, 9, 16, 17, 24, 25, 95, 96, 97, 98, 127, 128, 129, 1000])
@pytest.mark.parametrize("unit", ["a", " ", "\n", "=", "1", "가", "ab", "\t\n", "\u0301", "é", "\0"])
def test_pieces_at_the_limits_of_cache_and_scan(unit, size):
    check([unit * size, unit * size + "x", "x" + unit * size, " " + unit * size + " y"])


def test_long_runs_are_not_quadratic():
    texts = [unit * 200_000 for unit in ("a", "ab", "=", "가", "\n", "qzj")]
    check(texts)
    KERNEL["o200k_base"].count_strings([" " * 2_000_000 + "x"])


def test_each_character_class_is_tiktokens():
    """The class table equals what the regular expressions of the installed tiktoken match."""
    from tiktoken import _tiktoken

    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    single_bytes = {bytes([value]): value for value in range(256)}
    classes = bpe.read_classes()
    for bit, pattern in (
        (bpe.UPPER, r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"),
        (bpe.LOWER, r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"),
        (bpe.NUMBER, r"\p{N}"),
        (bpe.SPACE, r"\s"),
        (bpe.NEWLINE, r"[\r\n]"),
        (bpe.OTHER, r"[^\s\p{L}\p{N}]"),
        (bpe.LETTER, r"\p{L}"),
    ):
        matched = bytes(_tiktoken.CoreBPE(single_bytes, {}, pattern).encode_ordinary(everything)).decode()
        assert matched == "".join(c for c in everything if classes[ord(c)] & bit), pattern


def test_only_the_long_s_folds_into_a_contraction():
    """Simple case folding of s t r e v m l d reaches one character outside ASCII."""
    from tiktoken import _tiktoken

    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    core = _tiktoken.CoreBPE({bytes([value]): value for value in range(256)}, {}, "(?i:[strevmld])")
    assert sorted(bytes(core.encode_ordinary(everything)).decode()) == sorted("strevmldSTREVMLDſ")


def test_threads_share_one_counter():
    texts = ["".join(random.Random(seed).choices(FRAGMENTS, k=50)) for seed in range(2000)]
    counter = KERNEL["o200k_base"]
    expected = counter.count_strings(texts)
    with ThreadPoolExecutor(4) as pool:
        assert all(counts == expected for counts in pool.map(lambda _: counter.count_strings(texts), range(16)))


def test_portions_and_threads_change_nothing(monkeypatch):
    texts = ["".join(random.Random(seed).choices(FRAGMENTS, k=seed % 50)) for seed in range(3000)]
    expected = KERNEL["o200k_base"].count_strings(texts)
    monkeypatch.setattr(bpe, "_PORTION", 1000)
    assert KERNEL["o200k_base"].count_strings(texts) == expected
    assert KERNEL["o200k_base"].count_strings(texts, threads=3) == expected


def test_lone_surrogates_count_as_tiktoken_counts_them():
    check(["\ud800", "a\udfffb", "\ud83d\ude00", "fine"])


def test_no_text_and_empty_texts():
    check([])
    check(["", "", "a", ""])
