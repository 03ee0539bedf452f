"""Secrets and personal data: what is found, what is not, and that the prefilters miss nothing.

Keys are put together here from a prefix and drawn letters, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
import string

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdata.measure import identity
from ftdata.measure.personal import _FIRST_LOOKS, _HINTS, _NINE, _START, FORMS, _matches
from ftdata.measure.private import PERSONAL_HINTS, SECRET_HINTS, TITLES, mask, personal, secrets
from ftdata.measure.randomness import is_password, is_random
from ftdata.measure.secrets import crc_base62

ALNUM = string.ascii_letters + string.digits
SAFE = ALNUM + "-_"


def draw(length, letters=ALNUM, seed=5):
    """Random characters; another seed for another key."""
    return "".join(random.Random(seed * 1000 + length).choices(letters, k=length))


def b64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def pem(name="RSA PRIVATE KEY", letters=ALNUM + "+/"):
    body = "\n".join(draw(64, letters, seed) for seed in range(12))
    return f"-----BEGIN {name}-----\n{body}\n-----END {name}-----"


BODY = draw(30)
KEYS = {
    "sk-proj-" + draw(74, SAFE) + "T3BlbkFJ" + draw(74, SAFE): "openai-key",
    "sk-" + draw(20) + "T3BlbkFJ" + draw(20, seed=6): "openai-key",
    "sk-" + draw(48): "openai-key",
    "sk-ant-api03-" + draw(93, SAFE) + "AA": "anthropic-key",
    "sk-or-v1-" + draw(64, "0123456789abcdef"): "openrouter-key",
    "gsk_" + draw(52): "groq-key",
    "AKIA" + draw(16, string.ascii_uppercase + "234567"): "aws-access-key",
    "ghp_" + BODY + crc_base62(BODY): "github-token",
    "github_pat_" + draw(22) + "_" + draw(59): "github-token",
    "glpat-" + draw(20): "gitlab-token",
    "xoxb-" + draw(12, "2345679") + "-" + draw(12, "2345679", 6) + "-" + draw(24): "slack-token",
    "https://hooks.slack.com/services/T" + draw(9, "ABCDE2345") + "/B" + draw(9, "FGHIJ678") + "/" + draw(24): "slack-webhook",
    "sk_live_" + draw(24): "stripe-key",
    "AIza" + draw(35, SAFE): "google-api-key",
    "GOCSPX-" + draw(28, SAFE): "google-oauth",
    "hf_" + draw(34, string.ascii_letters): "huggingface-token",
    "npm_" + BODY + crc_base62(BODY): "npm-token",
    "pypi-AgEIcHlwaS5vcmc" + draw(120, SAFE): "pypi-token",
    "SG." + draw(22, SAFE) + "." + draw(43, SAFE): "sendgrid-key",
    "SK" + draw(32, "0123456789abcdef"): "twilio-key",
    draw(9, "2345679") + ":AA" + draw(33, SAFE): "telegram-token",
    base64.b64encode(b"512345678901234567").decode() + "." + draw(6) + "." + draw(38): "discord-token",
    f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64({'sub': 'u-7', 'iat': 1516239022})}.{draw(43)}": "jwt",
    pem(): "private-key",
    pem("OPENSSH PRIVATE KEY"): "private-key",
    pem().replace("\n", "\\n"): "private-key",
    pem().replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,F0A1\n\n", 1): "private-key",
}
VALUES = {
    ("DefaultEndpointsProtocol=https;AccountKey={};", draw(86, ALNUM + "+/") + "=="): "azure-key",
    ("Endpoint=sb://x;SharedAccessKey={}", draw(43, ALNUM + "+/") + "="): "azure-key",
    ("aws_secret_access_key = {}\n", draw(40, ALNUM + "+/")): "aws-secret-key",
    ('"secretAccessKey": "{}"', draw(40, ALNUM + "+/")): "aws-secret-key",
    ("postgres://app:{}@db.acme-internal.io:5432/main", "Vb7#kQz9wT".replace("#", "")): "url-password",
    ("https://api.acme.io/v1?user=3&api_key={}&x=1", draw(32)): "url-token",
    ("{}", "discord.com/api/webhooks/1" + draw(18, "2345679") + "/" + draw(68, SAFE)): "discord-webhook",
    ("Authorization: Bearer {}", draw(40)): "auth-header",
    ("Authorization: Basic {}", base64.b64encode(b"anna:Vb7kQz9wT!").decode()): "auth-header",
    ("API_KEY={}\n", draw(32, "0123456789abcdef")): "assigned-secret",
    ("client_secret: '{}',", draw(40)): "assigned-secret",
    ('password = "{}"', "Vb7#kQz9wT"): "assigned-password",
    ("Server=db;User Id=sa;Password={};", "Vb7#kQz9wT"): "assigned-password",
    ("비밀번호는 {}입니다.", "Vb7#kQz9wT"): "assigned-password",
}


@pytest.mark.parametrize(("key", "kind"), KEYS.items(), ids=lambda value: value[:12])
def test_a_providers_key_is_found_whole_and_certain(key, kind):
    text = f'키는 "{key}" 입니다.'
    (span,) = secrets(text)
    assert (span.kind, span.certain) == (kind, True)
    assert text[span.start : span.end] == key.removeprefix("https://")


@pytest.mark.parametrize(("form", "kind"), VALUES.items(), ids=lambda value: str(value)[:30])
def test_of_a_labelled_secret_the_value_is_found(form, kind):
    template, value = form
    text = template.format(value)
    (span,) = secrets(text)
    assert (span.kind, text[span.start : span.end]) == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "OPENAI_API_KEY=sk-" + "x" * 48,
        "openai.api_key = 'sk-your-api-key-here-1234567890abcdef'",
        "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ",
        "a task-based-approach-to-language-teaching and risk-free",
        "hf_" + "a" * 34,
        "ghp_" + "x" * 36,
        "AKIA" + "A" * 16,
        "xoxb-your-token-here",
        "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64({'sub': '1234567890', 'name': 'John Doe'})}.{draw(43)}",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + draw(64) + "\n-----END PUBLIC KEY-----",
        "postgres://postgres:postgres@localhost:5432/db",
        "https://user:password@example.com/",
        "https://user:Vb7kQz9wT@localhost/",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        'password = "password123"',
        'password = "MySecurePassword123!"',
        "password = request.form['password1']",
        "password = os.environ['DB_PASSWORD_1']",
        "password = generate_password(12)",
        "The password is case-sensitive and must have 8 characters.",
        "비밀번호는 8자리 이상입니다.",
        "token = tokenizer.encode('Hello world 123')",
        "secret: the princess was in another castle",
        "api_key=${API_KEY_PRODUCTION_2024}",
        "token: 550e8400-e29b-41d4-a716-446655440000",
        "access_token: getAccessTokenFromSession2Request",
        "Bearer tokens are sent in the Authorization header",
        "private_key: ed25519.Ed25519PrivateKey",
    ],
)
def test_a_placeholder_or_a_word_about_secrets_is_no_finding(text):
    assert secrets(text) == []


def test_a_token_with_a_wrong_checksum_is_not_certain():
    (span,) = secrets("ghp_" + draw(36))
    assert (span.kind, span.certain) == ("github-token", False)


def test_a_test_key_and_a_chosen_password_are_not_certain():
    assert [s.certain for s in secrets("sk_test_" + draw(24) + '\npassword = "Vb7#kQz9wT"')] == [False, False]


def test_a_key_behind_a_label_keeps_its_providers_name():
    key = "sk-proj-" + draw(74, SAFE) + "T3BlbkFJ" + draw(74, SAFE)
    assert [s.kind for s in secrets(f'api_key = "{key}"')] == ["openai-key"]


def test_random_letters_are_told_from_words():
    hits = sum(is_random(draw(32, letters, seed)) for seed in range(200) for letters in (ALNUM, "0123456789abcdef", SAFE))
    assert hits >= 580
    assert not any(
        map(is_random, ("the-quick-brown-fox-jumps-2024", "HelloWorldThisIsJava2Script", "a1" * 16, "com.acme.Service2.start"))
    )
    assert is_password("Vb7#kQz9wT")
    assert not any(map(is_password, ("correcthorse", "P@ssw0rd!", "aB3#fG7!kL9@", "A1b2C3d4E5f6", "user_name_1", "12345678!")))


# ── personal data ─────────────────────────────────────────────────────────────────────────────────────────────────────

CARD = "4539 1488 0343 6467"
PERSONAL = [
    ("메일은 minsu.kang@naver.com으로 주세요", "minsu.kang@naver.com", "email", True),
    ("write to anna+list@uni-koeln.de.", "anna+list@uni-koeln.de", "email", True),
    ("john.doe@gmail.com", "john.doe@gmail.com", "email", False),
    ("010-5294-8371로 전화", "010-5294-8371", "phone-kr", True),
    ("010.5294.8371", "010.5294.8371", "phone-kr", True),
    ("010 5294 8371", "010 5294 8371", "phone-kr", True),
    ("연락처01052948371입니다", "01052948371", "phone-kr", True),
    ("+82-10-5294-8371", "+82-10-5294-8371", "phone-kr", True),
    ("+82 10 5294 8371", "+82 10 5294 8371", "phone-kr", True),
    ("010-1234-5678", "010-1234-5678", "phone-kr", False),
    ("02-3142-8857", "02-3142-8857", "phone-kr", True),
    ("031)742-9581", "031)742-9581", "phone-kr", False),
    ("070-4827-1935", "070-4827-1935", "phone-kr", True),
    ("고객센터 1588-3082", "1588-3082", "phone-kr", False),
    ("call (415) 273-9164 now", "(415) 273-9164", "phone-us", True),
    ("415-273-9164", "415-273-9164", "phone-us", False),
    ("+1 415 273 9164", "+1 415 273 9164", "phone-us", True),
    ("+44 20 7183 8750", "+44 20 7183 8750", "phone", True),
    ("手机 13928460573", "13928460573", "phone-cn", True),
    ("090-4827-1935", "090-4827-1935", "phone-jp", True),
    ("06 28 41 93 75", "06 28 41 93 75", "phone-fr", False),
    (f"my card {CARD}", CARD, "card", True),
    ("카드번호 4539148803436467", "4539148803436467", "card", True),
    ("국민은행 604802-01-381957", "604802-01-381957", "account-kr", True),
    ("110-482-719354 신한은행", "110-482-719354", "account-kr", True),
    ("IBAN DE97 1007 0848 0583 6912 04", "DE97 1007 0848 0583 6912 04", "iban", True),
    ("920817-2045316", "920817-2045316", "rrn-kr", False),
    ("사업자등록번호 214-86-54322", "214-86-54322", "business-kr", True),
    ("운전면허 13-07-482915-62", "13-07-482915-62", "licence-kr", True),
    ("여권번호: M48291735", "M48291735", "passport", True),
    ("SSN: 529-41-8362", "529-41-8362", "ssn-us", True),
    ("529-41-8362", "529-41-8362", "ssn-us", False),
    ("from 81.47.203.118 port", "81.47.203.118", "ip", False),
    ("from 2a02:8109:9a40:1778::2d1e", "2a02:8109:9a40:1778::2d1e", "ip", False),
    ("이름: 강민서\n나이: 20", "강민서", "name", True),
    ("제 이름은 강민서입니다", "강민서", "name", True),
    ("성함이요?\n고객: 네, 강민서입니다.\n", None, None, None),
    ("상담사: 성함 부탁드립니다.\n\n고객: 강민서입니다.", "강민서", "name", True),
    ("이름: 홍길동", "홍길동", "name", False),
    ("Hi, my name is Clara Whitfield.", "Clara Whitfield", "name", True),
    ("- Name: Clara Whitfield\n- Age: 3", "Clara Whitfield", "name", False),
    ("서울특별시 마포구 월드컵북로 396, 12층", "서울특별시 마포구 월드컵북로 396, 12층", "address-kr", True),
    ("주소는 경기도 수원시 영통구 매탄로123번길 64-2 입니다", "경기도 수원시 영통구 매탄로123번길 64-2", "address-kr", True),
    ("서울 강남구 역삼동 837-12", "서울 강남구 역삼동 837-12", "address-kr", False),
]


def spans(text):
    return [(text[s.start : s.end], s.kind, s.certain) for s in personal(text)]


@pytest.mark.parametrize(("text", "value", "kind", "certain"), [row for row in PERSONAL if row[1]])
def test_personal_data_are_found_with_their_kind(text, value, kind, certain):
    assert spans(text) == [(value, kind, certain)]


@pytest.mark.parametrize(
    "text",
    [
        # reserved, invented and nobody's mailboxes
        "anna@example.com, bob@mail.example.org, c3@some.test, you@yourdomain.com, git@github.com:a/b.git",
        "info@acme-shop.de, noreply@github.com, reservations@hotel-x.fr, icon@2x.png, a@b.c, pip install foo@1.2.3, @user, user@localhost",
        "https://anna@host.net/ and ssh deploy@web1.corp.net:releases",
        # dates, times, versions, prices, ISBNs, orders
        "2023-10-15 12:30:45, 1988-2002, 2024.01.02, 15/10/2023, 20231015-00123, 2023-10-15T12:30:45.123456789Z",
        "version 10.0.19041.1, v1.22.333.4, 192.168.0.1, 10.0.0.7, 127.0.0.1, 8.8.8.8, 203.0.113.7, 1.2.840.113549",
        "ISBN 978-89-6077-771-4, ISBN 0-306-40615-2, $1,234,567.89, 12,345,678원, 1588년-1599년, 1599-1644",
        "256626720691 + 1646615806005 = 1903242526696; 0.01012345678; 3.141592653589793; +960397912423686",
        "주문번호 20231015-00123 송장번호 123456789012, 모델 415-273-9164",
        "4111 1111 1111 1111, 4242-4242-4242-4242, 4539 1488 0343 6468, 1234-5678-9012-3456, 4539148803436467",
        "DE89 3704 0044 0532 0130 00 and GB82 WEST 1234 5698 7654 32 and DE28 1007 0848 0583 6912 04",
        "555-0123, (555) 555-0199, 415-555-2671, 1-800-273-8255, 123-456-7890, +44 7700 900123, 01010101010",
        "123-45-6789, 078-05-1120, 000-12-3456, 666-12-3456, 912-34-5678",
        "991332-1234567, 920817-9045316, 920817-1111111, 12345678Z, 01 02 03 04 05 06",
        "550e8400-e29b-41d4-a716-446655440000 1a2b3c4d5e6f 0x1234567890abcdef",
        "std::string a::b 12:30:45 2001:db8::1 2001:0db8:85a3::8a2e:370:7334",
        # words
        "이름: 미정, 이름은 무엇인가요? 성함은 어떻게 되세요? 이름은 변수의 값입니다. 받는 사람은 정말 좋겠어요",
        '{"name": "Water Bottle"}, Name: New York City, My name is Rex, my name is on the list, File Name: Report Final',
        "Company Name: Acme Corp\nName: Your Name\nmy name is John Doe",
        "서울시 강남구로 3명이 이동했다. 학교 길 20분, 경기도 성남시 분당구, 서울로 3개, 대구 중구 동성로 2개 매장",
    ],
)
def test_what_only_looks_like_personal_data_is_no_finding(text):
    assert spans(text) == []


def check_rrn(first):
    return next(first + d for d in "0123456789" if identity.resident_kr(first + d))


def test_a_resident_number_is_certain_by_its_check_digit_only():
    for front in ("920817-204531", "051103-348216", "880229-619402"):
        right = check_rrn(front)
        wrong = front + str((int(right[-1]) + 1) % 10)
        assert spans(right) == [(right, "rrn-kr", True)]
        assert spans(wrong) == [(wrong, "rrn-kr", False)]
        assert spans(right.replace("-", "")) == []
        assert spans("주민번호 " + right.replace("-", "")) == [(right.replace("-", ""), "rrn-kr", True)]
    assert identity.resident_kr("920230-2045316") is None


STATES = [
    (identity.dni_es, "48291735", string.ascii_uppercase, "{}", "id-es"),
    (identity.dni_es, "Y4829173", string.ascii_uppercase, "{}", "id-es"),
    (identity.codice_fiscale_it, "FRRLCU74L52D612", string.ascii_uppercase, "{}", "id-it"),
    (identity.resident_cn, "32058319870614281", "0123456789X", "{}", "id-cn"),
    (identity.tax_id_de, "4829173564", string.digits, "Steuer-ID {}", "id-de"),
    (identity.tax_id_de, "6592917351", string.digits, "Steuer-ID {}", "id-de"),
    (identity.bsn_nl, "48291735", string.digits, "BSN {}", "id-nl"),
    (identity.pesel_pl, "8206144829", string.digits, "PESEL {}", "id-pl"),
    (identity.personnummer_se, "820614-482", string.digits, "personnummer {}", "id-se"),
    (identity.hetu_fi, "140682-482", "0123456789ABCDEFHJKLMNPRSTUVWXY", "{}", "id-fi"),
    (identity.nhs_uk, "482917356", string.digits, "NHS number {}", "id-uk"),
]


@pytest.mark.parametrize(("valid", "front", "letters", "label", "kind"), STATES)
def test_a_states_number_needs_its_check_character(valid, front, letters, label, kind):
    right = [front + c for c in letters if valid(front + c)]
    assert len(right) <= 1
    for number in right:
        assert [(value, found) for value, found, _ in spans(label.format(number))] == [(number, kind)]
        other = number[:-1] + next(c for c in letters if c != number[-1])
        assert spans(label.format(other)) == []


NIR = f"1840675032611{97 - 1840675032611 % 97:02}"
BELGIAN = f"82.06.14-482.{97 - 820614482 % 97:02}"
CPF = next(f"482.917.356-{n:02}" for n in range(100) if identity.cpf_br(f"482917356{n:02}"))


def test_national_numbers_in_their_own_writing_are_found():
    assert [kind for _, kind, _ in spans(f"{NIR}, {BELGIAN}, {CPF}")] == ["id-fr", "id-be", "id-br"]


def test_a_passports_machine_readable_line_needs_its_check_digits():
    def digit(field):
        return str(sum((0 if c == "<" else int(c, 36)) * (7, 3, 1)[i % 3] for i, c in enumerate(field)) % 10)

    number, birth, expiry, rest = "M48291735", "820614", "310101", "<" * 14
    line = f"{number}{digit(number)}KOR{birth}{digit(birth)}F{expiry}{digit(expiry)}{rest}<"
    line += digit(line[:10] + line[13:20] + line[21:43])
    assert spans(line) == [(line, "passport", True)]
    assert spans(line[:9] + str((int(line[9]) + 1) % 10) + line[10:]) == []


def test_business_numbers_of_public_companies_have_their_check_digit():
    assert all(map(identity.business_kr, ("124-81-00998", "220-81-62517", "120-81-47521")))
    assert spans("124-81-00999, 220-81-62510") == []


def test_a_name_that_is_certain_once_is_found_again():
    text = "상담사: 성함은요?\n고객: 강민서입니다.\n상담사: 강민서 고객님, 감사합니다."
    assert [value for value, _, _ in spans(text)] == ["강민서", "강민서"]


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────────────────

PIECES = [
    *KEYS,
    *(template.format(value) for template, value in VALUES),
    *(row[0] for row in PERSONAL),
    check_rrn("920817-204531"),
    *(label.format(front + c) for valid, front, letters, label, _ in STATES for c in letters if valid(front + c)),
    *(NIR, BELGIAN, CPF),
]
MIXED = st.lists(
    st.one_of(
        st.sampled_from(PIECES),
        st.sampled_from([piece[: len(piece) // 2] for piece in PIECES]),
        st.sampled_from(
            ["password: ", "token=", "계좌 ", "이름: ", "tel ", " ", "\n", "-", ".", "@", "+", "://", "…(", ":", "=", "'"]
        ),
        st.text(max_size=12),
        st.text(ALNUM + "-._@:/ ", max_size=20),
        st.text(string.digits + "- .", max_size=20),
    ),
    max_size=6,
).map("".join)


@given(MIXED)
def test_the_hints_match_whatever_the_functions_find(text):
    if secrets(text):
        assert re.search(SECRET_HINTS, text)
        assert pl.Series([text]).str.contains(SECRET_HINTS)[0]
    if personal(text):
        assert re.search(PERSONAL_HINTS, text)
        assert pl.Series([text]).str.contains(PERSONAL_HINTS)[0]


@given(MIXED)
def test_masking_twice_is_masking_once(text):
    once = mask(text)
    assert mask(once) == once
    assert not secrets(once)
    assert not personal(once)


@given(MIXED)
def test_spans_are_in_order_within_the_text_and_have_a_title(text):
    for found in (secrets(text), personal(text)):
        assert all(a.end <= b.start for a, b in itertools.pairwise(found))
        assert all(0 <= s.start < s.end <= len(text) and s.kind in TITLES for s in found)


def test_every_kind_is_among_the_pieces():
    assert {span.kind for piece in PIECES for span in (*secrets(piece), *personal(piece))} == set(TITLES)


def test_the_hints_leave_clean_prose_alone():
    prose = [
        "The task-based approach was described in 2019 (pp. 12-15), see chapter 3.2; it cost $1,250.00 at 12:30.",
        "오늘은 2024년 3월 5일입니다. 서울로 가는 길에 사과 3개를 샀어요. 비밀번호를 잊어버렸어요.",
        "def f(token, password=None):\n    return tokens[0] if password else secret",
        "Is the password safe? The secret is out. My API key does not work.",
    ]
    assert not any(re.search(SECRET_HINTS, text) or re.search(PERSONAL_HINTS, text) for text in prose)


def test_masking_keeps_a_few_characters_and_the_kind():
    key = "sk-proj-" + draw(74, SAFE) + "T3BlbkFJ" + draw(74, SAFE)
    assert mask(f"key {key}, mail minsu.kang@naver.com.") == "key sk-p…(openai-key), mail mi…(email)."
    assert mask("nothing to hide") == "nothing to hide"


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ",
        "-eyJ.",
        "://a:",
        "@a.",
        "1-",
        "01 ",
        "sk-",
        "-----BEGIN PRIVATE KEY-----",
        "password: ",
        "이름: ",
        "시 ",
        "동 1",
        "a@",
        "A1 ",
    ],
)
def test_long_repetitions_are_judged(unit):
    """A quadratic search would not end here: 200,000 characters each took less than half a second when this was written."""
    text = unit * (200_000 // len(unit))
    assert isinstance(mask(text), str)


NUMBERED = [form for form in FORMS if form.hint == _NINE]


@given(st.text(st.sampled_from("0123456789012345-+()./ ax–"), max_size=60))
def test_numbers_are_found_at_the_places_where_they_can_start(text):
    starts = [match.start() for match in _START.finditer(text)]
    for form in NUMBERED:
        assert [m.span() for m in _matches(form.regex, text, starts)] == [m.span() for m in form.regex.finditer(text)]


@pytest.mark.parametrize(("hint", "forms"), _HINTS, ids=lambda value: value[0].kind if isinstance(value, list) else "")
@given(st.data())
def test_what_a_hint_matches_passes_the_first_look(hint, forms, data):
    look = _FIRST_LOOKS.get(forms[0].kind, bool)
    assert look(data.draw(st.from_regex(hint)))
