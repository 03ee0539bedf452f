"""FT321: calculations in answers whose result is wrong beyond doubt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ftdata.measure.prose import looks_like_code, without_code
from ftdata.rule import TRAINED, Spot, rule, spot

_NUMBER = r"[-−]?[$€£₩¥]?\d{1,12}(?:,\d{3})*(?:\.\d{1,8})?"
_SUM = re.compile(
    rf"(?<![\w.,+\-−*/×÷^=()\[\]%])(?<![+\-−*/×÷^=(] )({_NUMBER}) ?([+\-−*×x/÷]) ?({_NUMBER}) ?= ?({_NUMBER})(?![\w^(%/:°]|[.,]\d| ?[+\-−*×/÷^=(%:])"
)
_PERCENT = re.compile(
    r"(?<![\w.,+\-−*/×÷])(\d{1,3}(?:\.\d{1,4})?) ?% of [$€£]?(\d{1,9}(?:,\d{3})*(?:\.\d{1,4})?) (?:is|=|equals) [$€£]?(\d{1,9}(?:,\d{3})*(?:\.\d{1,8})?)(?![\w%/^]|[.,]\d| ?[+\-−*×/÷^=(%])"
)
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})*")
_LAST_DAY = 31
_OPERATORS = tuple("+-−*×x/÷^=(<>√²³%")
_OTHER_MATHS = re.compile(
    r"(?i)\bmod(?:ulo)?\b|base[- ]?\d|binary|hex|octal|radix|\bwrong\b|incorrect|mistake|false|이진|진법|틀린|나머지|二进制|错误|余数|remainder|integer division|≈|approx|rounded|약 \d"
)


@rule(
    "FT321", "wrong-arithmetic", category="suspicious", scope="text", kinds=TRAINED, roles=["assistant"], trained=True,
    hint=r"\d ?[+\-−*×x/÷] ?[-−]?[$€£₩¥]?\d[\d.,]* ?= ?[-−]?[$€£₩¥]?\d|\d ?% of [$€£]?\d",
    message="{match} is wrong: it makes {right}", help="correct it, or drop the sample",
)  # fmt: skip
def wrong_arithmetic(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A sum, difference, product, quotient or percentage of two numbers with a wrong result.

    ## Why
    A wrong calculation in an answer is learned like a right one. Only what is certain is judged: two plain numbers, one
    sign, one result, rounded as many digits as it shows; nothing inside a longer formula, nothing with units, remainders
    or other bases, and not code.

    ## Example
    "12 × 12 = 148"

    ## Fix safety
    No fix: which of the three numbers is wrong is unknown.
    """
    prose = without_code(text)
    if looks_like_code(text) or _OTHER_MATHS.search(prose):
        return
    for match in _SUM.finditer(prose):
        right = _result(*match.groups())
        if right is not None and prose[: match.start()].rstrip(" $€£₩¥")[-1:] not in _OPERATORS:
            yield spot(*match.span(), match=match.group(), right=right)
            return
    for match in _PERCENT.finditer(prose):
        right = _share(match)
        if right is not None:
            yield spot(*match.span(), match=match.group(), right=right)
            return


def _result(left: str, sign: str, right: str, said: str) -> str | None:
    """The right result of a calculation if the one written is wrong, rounded like it; ``None`` if it is right."""
    a, b, result = (Decimal(re.sub(r"[$€£₩¥,]", "", number).replace("−", "-")) for number in (left, right, said))
    if sign in "/÷" and (b == 0 or ("." not in said and (a % b != 0 or abs(a) <= _LAST_DAY))):
        # 7 / 2 = 3 may be an integer division; a date 3/4 = 4 is no calculation.
        return None
    value = {"+": a + b, "-": a - b, "−": a - b, "*": a * b, "×": a * b, "x": a * b}.get(sign, a / b if b else a)
    places = -int(result.as_tuple().exponent)
    tolerance = Decimal(1).scaleb(-places) if places > 0 or sign in "/÷" else Decimal(0)
    if value == result or abs(value - result) < tolerance:
        return None
    numbers = (left, right, said)
    if any("." in number for number in numbers) and all(_DOTTED.fullmatch(number) for number in numbers):
        # 1.000 + 500 = 1.500 groups thousands by dots.
        left, right, said = (number.replace(".", "") for number in numbers)
        if _result(left, sign, right, said) is None:
            return None
    return f"{value.normalize():f}" if abs(value) < 10**15 else f"{value:.6g}"


def _share(match: re.Match[str]) -> str | None:
    """The right result of "15% of 200 is 45" if the one written is wrong by more than rounding."""
    percent, whole, said = (Decimal(number.replace(",", "")) for number in match.groups())
    value = percent * whole / 100
    places = max(0, -int(said.as_tuple().exponent))
    return None if abs(value - said) < Decimal(1).scaleb(-places) else f"{value.normalize():f}"
