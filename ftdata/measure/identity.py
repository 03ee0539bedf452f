"""Numbers with check digits: cards, accounts, and the personal numbers of states.

Each function takes the number as it is written, with or without separators, and says whether it can be a real one.
Rules are those of the issuers, as collected in python-stdnum 2.2 (read 2026-11), unless said.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections import Counter
from collections.abc import Sequence

# Numbers that documentation and tutorials print: test cards of card schemes and of Stripe, examples of IBANs and national numbers.
DOCUMENTED = frozenset(
    "4111111111111111 4242424242424242 4000056655665556 4012888888881881 4222222222222 4000000000000002 4917610000000000 "
    "4000000000009995 4000000000000077 4000002500003155 5555555555554444 5105105105105100 5200828282828210 2223003122003222 "
    "5454545454545454 5431111111111111 378282246310005 371449635398431 378734493671000 370000000000002 6011111111111117 "
    "6011000990139424 6011000000000004 30569309025904 38520000023237 3056930009020004 3530111333300000 3566002020360505 "
    "6200000000000005 4532015112830366 4539578763621486 49927398716 4485275742308327 4716059848274719 "
    "GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555 DE89370400440532013000 DE75512108001245126199 "
    "FR1420041010050500013M02606 FR7630006000011234567890189 ES9121000418450200051332 IT60X0542811101000000123456 "
    "NL91ABNA0417164300 BE68539007547034 CH9300762011623852957 AT611904300234573201 PL61109010140000071219812874 "
    "12345678Z 00000000T X1234567L RSSMRA85T10A562S RSSMRA80A01H501U MRTMTT25D09F205Z 12345678911 86095742719 11223344553 "
    "44051401359 02070803628 44051401458 850730-00833 197802022389 7802022389 811218-9876 078051120 219099999 457555462 "
    "11010519491231002X 52998224725 39053344705 11144477735 123456782 111222333 131052-308T 200750-1234 255081416802538".split()
)


def digits_of(text: str) -> str:
    """Return the ASCII digits of a text."""
    return re.sub(r"[^0-9]", "", text)


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_monotone(text: str) -> bool:
    """Whether the digits are invented: at most two different ones, or mostly steps of 0, 1 or 9 (1234567890, 1111, 9876)."""
    digits = digits_of(text)
    steps = sum(1 for a, b in itertools.pairwise(digits) if (int(b) - int(a)) % 10 in (0, 1, 9))
    return len(set(digits)) <= 2 or steps * 4 >= 3 * (len(digits) - 1)


def is_date(year: int, month: int, day: int) -> bool:
    """Whether this day is in the calendar."""
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def _is_short_date(digits: str) -> bool:
    """Whether six digits YYMMDD are a day of the 20th or the 21st century."""
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return is_date(1900 + year, month, day) or is_date(2000 + year, month, day)


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1 (Luhn)."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits_of(number)))]
    return bool(doubled) and sum(n // 10 + n % 10 for n in doubled) % 10 == 0


# Issuer ranges and lengths (ISO/IEC 7812; Wikipedia "Payment card number", read 2026-11).
_ISSUERS = re.compile(
    r"4[0-9]{15}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}|3[47][0-9]{13}|"
    r"(?:6011|65[0-9]{2}|64[4-9][0-9])[0-9]{12}|3(?:0[0-5]|[68][0-9])[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12}|62[0-9]{14}"
)


def is_card(number: str) -> bool:
    """Whether this is a card number: an issuer's prefix and length, a right check digit, no test card."""
    digits = digits_of(number)
    invented = digits in DOCUMENTED or len(set(digits)) <= 3 or is_monotone(digits)
    return bool(_ISSUERS.fullmatch(digits)) and luhn(digits) and not invented


def resident_kr(number: str) -> bool | None:
    """Whether a Korean resident registration number has its check digit; None where it cannot be one.

    YYMMDD-SXXXXXX, S 1 and 2 for Koreans born before 2000, 3 and 4 since, 5 to 8 the same for foreigners, whose check
    digit is two higher. Since 2020-10 the last six digits are drawn at random (Enforcement Rule of the Resident
    Registration Act, 2020-10-05), so a wrong check digit does not exclude one; before, the next two digits of Koreans
    were a region of 00 to 96.
    """
    digits = digits_of(number)
    if len(digits) != 13 or digits[6] not in "12345678":
        return None
    code = int(digits[6])
    year = int(digits[:2]) + (2000 if code in (3, 4, 7, 8) else 1900)
    if not is_date(year, int(digits[2:4]), int(digits[4:6])) or year > 2035 or is_monotone(digits[6:]):
        return None
    rest = 11 - _weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11
    region = code >= 5 or digits[7:9] <= "96"
    return region and (rest + (2 if code >= 5 else 0)) % 10 == int(digits[12])


def business_kr(number: str) -> bool:
    """Whether a Korean business registration number (3-2-5 digits) has its check digit (National Tax Service)."""
    digits = digits_of(number)
    if len(digits) != 10 or is_monotone(digits) or digits[:3] < "101" or digits[3:5] == "00":
        return False
    total = _weighted(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def ssn_us(number: str) -> bool:
    """Whether a US social security number was ever issued: no area 000, 666 or 9xx, no group 00, no serial 0000 (ssa.gov)."""
    digits = digits_of(number)
    if len(digits) != 9 or digits in DOCUMENTED or is_monotone(digits):
        return False
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


_IBAN_LENGTH = {
    code[:2]: int(code[2:])
    for code in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 "
        "FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 "
        "MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TN24 TR26 "
        "UA29 VA22 XK20"
    ).split()
}


def is_iban(number: str) -> bool:
    """Whether this is an IBAN: its country's length, remainder 1 modulo 97 (ISO 13616, registry of SWIFT)."""
    plain = number.replace(" ", "").replace("-", "").upper()
    if _IBAN_LENGTH.get(plain[:2]) != len(plain) or plain in DOCUMENTED or not plain.isalnum() or not plain.isascii():
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def dni_es(number: str) -> bool:
    """Spain's DNI and NIE: the letter is the number modulo 23."""
    plain = number.replace("-", "").replace(" ", "").replace(".", "").upper()
    if plain in DOCUMENTED or is_monotone(plain[:-1]):
        return False
    value = str("XYZ".index(plain[0])) + plain[1:-1] if plain[0] in "XYZ" else plain[:-1]
    return value.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(value) % 23] == plain[-1]


def nir_fr(number: str) -> bool:
    """France's NIR: the last two digits are 97 less the rest modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    plain = re.sub(r"[ .-]", "", number).upper()
    if plain in DOCUMENTED:
        return False
    value = plain[:13].replace("2A", "19").replace("2B", "18")
    return value.isdigit() and plain[13:].isdigit() and 97 - int(value) % 97 == int(plain[13:])


_ODD_IT = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            2,
            4,
            18,
            20,
            11,
            3,
            6,
            8,
            12,
            14,
            16,
            10,
            22,
            25,
            24,
            23,
        ),
        strict=True,
    )
)


def codice_fiscale_it(number: str) -> bool:
    """Italy's codice fiscale: sixteen characters, the last a check letter (decree of 1976-12-23)."""
    plain = number.upper()
    if plain in DOCUMENTED:
        return False
    total = sum(_ODD_IT[c] if i % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65) for i, c in enumerate(plain[:15]))
    return chr(65 + total % 26) == plain[15]


def tax_id_de(number: str) -> bool:
    """Germany's tax id: eleven digits, one of the first ten twice or three times, check digit of ISO 7064 mod 11,10."""
    digits = digits_of(number)
    counts = sorted(Counter(digits[:10]).values())
    if len(digits) != 11 or digits[0] == "0" or digits in DOCUMENTED or counts[-1] not in (2, 3) or counts[-2] != 1:
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def bsn_nl(number: str) -> bool:
    """The Netherlands' BSN: nine digits, weights 9 to 2 and -1, remainder 0 modulo 11."""
    digits = digits_of(number)
    return (
        len(digits) == 9
        and not is_monotone(digits)
        and digits not in DOCUMENTED
        and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0
    )


def pesel_pl(number: str) -> bool:
    """Poland's PESEL: a birth date whose month carries the century, and a check digit."""
    digits = digits_of(number)
    if len(digits) != 11 or digits in DOCUMENTED:
        return False
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[int(digits[2]) // 2]
    day = is_date(century + int(digits[:2]), int(digits[2:4]) % 20, int(digits[4:6]))
    return day and (10 - _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(digits[10])


def national_be(number: str) -> bool:
    """Belgium's national number: a birth date, and 97 less the rest modulo 97, with a 2 before those born since 2000."""
    digits = digits_of(number)
    if len(digits) != 11 or digits in DOCUMENTED or not _is_short_date(digits):
        return False
    recent = int(digits[:2]) <= 35 and 97 - int("2" + digits[:9]) % 97 == int(digits[9:])
    return recent or 97 - int(digits[:9]) % 97 == int(digits[9:])


def personnummer_se(number: str) -> bool:
    """Sweden's personnummer: a birth date and Luhn's check digit over the last ten digits."""
    digits = digits_of(number)[-10:]
    return len(digits) == 10 and digits not in DOCUMENTED and number not in DOCUMENTED and _is_short_date(digits) and luhn(digits)


def hetu_fi(number: str) -> bool:
    """Finland's personal identity code: a birth date DDMMYY and the rest modulo 31 as a letter."""
    plain = number.upper()
    value = plain[:6] + plain[7:10]
    if plain in DOCUMENTED or not value.isdigit() or not _is_short_date(plain[4:6] + plain[2:4] + plain[:2]):
        return False
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value) % 31] == plain[10]


def resident_cn(number: str) -> bool:
    """China's resident identity number: region, birth date, check character of ISO 7064 mod 11-2 (GB 11643-1999)."""
    plain = number.upper()
    if len(plain) != 18 or plain in DOCUMENTED or not plain[:17].isdigit() or plain[0] not in "12345678":
        return False
    year = int(plain[6:10])
    if not 1900 <= year <= 2035 or not is_date(year, int(plain[10:12]), int(plain[12:14])):
        return False
    return "10X98765432"[_weighted(plain[:17], [2**i % 11 for i in range(17, 0, -1)]) % 11] == plain[17]


def cpf_br(number: str) -> bool:
    """Brazil's CPF: two check digits modulo 11."""
    digits = digits_of(number)
    if len(digits) != 11 or digits in DOCUMENTED or is_monotone(digits[:9]):
        return False
    first = _weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    return first == int(digits[9]) and _weighted(digits, range(11, 1, -1)) * 10 % 11 % 10 == int(digits[10])


def nhs_uk(number: str) -> bool:
    """The number of England's National Health Service: ten digits, modulo 11."""
    digits = digits_of(number)
    return (
        len(digits) == 10 and not is_monotone(digits) and (11 - _weighted(digits, range(10, 1, -1)) % 11) % 11 == int(digits[9])
    )


def passport_line(line: str) -> bool:
    """Whether this is the second line of a passport's machine-readable zone: four check digits (ICAO 9303-4)."""

    def check(field: str) -> str:
        return str(sum((0 if c == "<" else int(c, 36)) * (7, 3, 1)[i % 3] for i, c in enumerate(field)) % 10)

    if len(line) != 44 or line.startswith("L898902C"):
        return False
    whole = line[:10] + line[13:20] + line[21:43]
    return (
        check(line[:9]) == line[9]
        and check(line[13:19]) == line[19]
        and check(line[21:27]) == line[27]
        and check(whole) == line[43]
    )
