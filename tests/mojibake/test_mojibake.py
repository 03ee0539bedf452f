"""The detector of encoding damage on texts made by Python's codecs, and on what looks like damage and is none."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from runpy import run_path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.measure.mojibake import HINTS, damage

MEASURE = run_path(str(Path(__file__).with_name("measure.py")))
GENERATED = MEASURE["GENERATED"]
repaired = MEASURE["repaired"]


@pytest.fixture(scope="module", params=GENERATED["HALVES"])
def results(request):
    return MEASURE["measured"](request.param)


def test_the_set_is_as_large_as_it_claims():
    clean, damaged = GENERATED["clean"](), GENERATED["damaged"]()
    assert len(GENERATED["SENTENCES"]) >= 40
    assert len(clean) >= 2000 and len(damaged) >= 2000
    assert all(text.text != text.original for text in damaged)
    assert damaged == GENERATED["damaged"]()


def test_nearly_all_damage_is_found(results):
    assert results["found"].total() >= 0.95 * results["of"].total()


def test_no_kind_of_damage_is_overlooked(results):
    assert [kind for kind, of in results["of"].items() if results["found"][kind] < 0.85 * of] == []


def test_damage_is_found_where_it_is(results):
    assert results["astray"].total() <= 0.005 * results["of"].total()


def test_clean_text_raises_no_alarm(results):
    assert results["alarms"].total() <= 0.005 * results["clean"].total()
    assert [name for name, count in results["alarms"].items() if count > 0.02 * results["clean"][name]] == []


def test_what_can_be_undone_is_undone(results):
    assert results["repaired"].total() >= 0.95 * results["exact"].total()


@pytest.mark.parametrize(
    ("text", "kind", "whole"),
    [
        ("cafÃ© crÃ¨me", "utf-8 as windows-1252", "café crème"),
        ("Donâ€™t worry", "utf-8 as windows-1252", "Don’t worry"),
        ("it\u00e2\u0080\u0099s here", "utf-8 as latin-1", "it’s here"),
        ("ì•ˆë…•í•˜ì„¸ìš”", "utf-8 as windows-1252", "안녕하세요"),
        ("РџСЂРёРІРµС‚", "utf-8 as windows-1251", "Привет"),
        ("donвЂ™t", "utf-8 as windows-1251", "don’t"),
        ("caf√© au lait", "utf-8 as mac-roman", "café au lait"),
        ("don‚Äôt", "utf-8 as mac-roman", "don’t"),
        ("caf├⌐", "utf-8 as cp437", "café"),
        ("浣犲ソ", "utf-8 as gbk", "你好"),
        ("鎴戠殑涓�", "utf-8 as gbk", None),
        ("I don鈥檛 know", "utf-8 as gbk", "I don’t know"),
        ("d茅j脿 vu", "utf-8 as gbk", "déjà vu"),
        ("袩褉懈胁械褌", "utf-8 as gbk", "Привет"),
        ("縺薙ｓ縺ｫ縺｡縺ｯ", "utf-8 as shift-jis", "こんにちは"),
        ("�븞�뀞�븯�꽭�슂", "utf-8 as cp949", None),
        ("錫む름錫긍릉錫붲링錫꾝르錫긍툣", "utf-8 as cp949", "สวัสดีครับ"),
        ("¾È³çÇÏ¼¼¿ä", "cp949 as latin-1", "안녕하세요"),
        ("Ïðèâåò, êàê äåëà?", "windows-1251 as latin-1", "Привет, как дела?"),
        ("he said \x93yes\x94", "windows-1252 as latin-1", "he said “yes”"),
        ("ÃƒÂ©tÃƒÂ©", "twice utf-8 as windows-1252", "été"),
        ("the file was 锟斤拷锟斤拷 and Ð¿Ñ\ufffd", "replacement characters", None),
        ("caf占쏙옙 and caï¿½ and пїЅпїЅ", "replacement characters", None),
        ("a lost \ufffd letter", "replacement characters", None),
        ("그는 ???? ??? ???? 말했다", "question marks", None),
        ("d?j? vu au caf? pr?s d'ici", "question marks", None),
        ("na\\u00efve and caf\\u00e9", "literal escapes", "naïve and café"),
        ("\\uc548\\ub155 said the sign", "literal escapes", "안녕 said the sign"),
        ("\\xc3\\xa9t\\xc3\\xa9 is summer", "literal escapes", "été is summer"),
        ("the word &#50504;&#45397; is Korean", "literal escapes", "the word 안녕 is Korean"),
        ("caf\udcc3\udca9", "surrogate escapes", "café"),
        ("\ud83d\ude00 hi", "surrogate escapes", "😀 hi"),
    ],
)
def test_a_known_damage_has_its_name_and_its_cure(text, kind, whole):
    found = damage(text)
    assert {piece.kind for piece in found} == {kind}
    if whole is None:
        assert all(piece.repaired is None for piece in found)
    else:
        assert repaired(text, found) == whole


@pytest.mark.parametrize(
    "text",
    [
        "What??? Really???? No way?? lol",
        "Fill the blanks: 2, 4, ??, 8, ??",
        "https://example.com/?a?b=c?d and index.php?id=5?x",
        "In Markdown, `cafÃ©` shows as code.",
        "```\nprint('\\u00e9 cafÃ©')\n```",
        'Decode "\\u00e9" as Unicode and you get é.',
        '{"name": "caf\\u00e9"}',
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß",
        "IRMÃ… MANHû «É» “À” JOSÉ’s 5 Å² É– Ü”",
        "КИЇВ, РІЧКА, ПОВІДОМЛЕННЯ; УПОЗОРЕЊЕ; ИМЕ…",
        "뷁! 햏햏 ㅋㅋㅋ ㅠㅠ 大韓民國은 民主共和國",
        "ﾃｽﾄ ﾃﾞｰﾀ 艾仁医生，你在B站、A股",
        "AàBèCì àèìòù áéýúíóþæðö abc",
        "jäääär öööö kuuüür",
        "¯\\_(ツ)_/¯ ʕ•ᴥ•ʔ (◕‿◕)",
    ],
)
def test_what_only_looks_like_damage_is_none(text):
    assert damage(text) == []


def test_one_damaged_sentence_in_a_long_text_is_located():
    before = "Das Frühstück war schön. " * 200
    spoiled = "Der Käse schmeckt süß.".encode().decode("cp1252")
    text = f"{before}\n{spoiled}\n{before}"
    found = damage(text)
    assert found and all(len(before) <= piece.start < piece.end <= len(before) + 1 + len(spoiled) for piece in found)
    assert repaired(text, found) == f"{before}\nDer Käse schmeckt süß.\n{before}"


def test_rust_reads_the_hints_as_python_does():
    texts = [text.text for text in GENERATED["clean"]() + GENERATED["damaged"]() if not re.search("[\ud800-\udfff]", text.text)]
    assert pl.Series(texts).str.contains(HINTS).to_list() == [re.search(HINTS, text) is not None for text in texts]


# Pieces that damage is made of, so that the search comes near it.
_PIECES = st.sampled_from(
    [
        *"ÃÂâ€™ÐÑ©¤ë…•√‚Äô├ÔÇРСЂѓ茅鈥檛浣犲縺ゅ�?뷁é¾ÈçÏ ",
        "\\u00e9",
        "&#233;",
        "=C3=A9",
        " ??? ",
        "\x93",
        "a",
        "B",
        "é",
        "안",
        "я",
        "\n",
        "`",
    ]
)
_TEXTS = st.one_of(st.text(), st.lists(_PIECES, max_size=12).map("".join))


@given(_TEXTS)
@settings(max_examples=400, deadline=None)
def test_whatever_is_found_the_hints_match_and_lies_in_order(text):
    found = damage(text)
    assert not found or re.search(HINTS, text)
    assert all(0 <= piece.start < piece.end <= len(text) for piece in found)
    assert all(first.end <= second.start for first, second in pairwise(found))


@given(_TEXTS, st.sampled_from(["cp1252", "mac_roman", "cp1251", "cp437", "gbk", "cp949", "cp932", "big5"]))
@settings(max_examples=200, deadline=None)
def test_no_text_read_in_a_wrong_encoding_breaks_it(text, codec):
    damage(text.encode("utf-8", "replace").decode(codec, "replace"))


@pytest.mark.parametrize(
    "piece", ["?", "? ", "\ufffd", "Ã", "Ã©", "浣犲", "縺", "¾È", "\\u00e9", "a?b", "&#233; ", "=C3=A9", "뷁", "‚±"]
)
def test_long_monotonous_text_takes_no_time_to_speak_of(piece):
    damage(piece * 3000)
