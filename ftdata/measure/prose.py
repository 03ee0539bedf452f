"""Tell prose from what stands in it: code, inline code, addresses and formulas."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ \t]{0,3}(`{3,20}|~{3,20})[^\n]*\n.*?(?:^[ \t]{0,3}\1[ \t]*$|\Z)", re.M | re.S)
_INLINE = re.compile(r"(?<!`)(`{1,3})(?!`)[^`\n]{1,2000}(?:\n[^`\n]{1,2000})?\1(?!`)")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_MATH = re.compile(r"\$\$.+?\$\$|\\\[.+?\\\]|\\\(.+?\\\)|\$[^$\n]{1,200}\$", re.S)
_CODE_LINE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|#include|public |private |function |const |let |var |return\b|if ?\(|for ?\("
    r"|while ?\(|else\b|elif |try:|except|SELECT |INSERT |UPDATE |<\?php|<!DOCTYPE|</?\w+[^>]*>|[}\])];?\s*$|\w+\(.*\);?\s*$"
    r"|#!|for \w+ in .*[;:]?$|(?:el)?if \[|while \[|(?:then|fi|do|done|esac)$|(?:du|read|rm|cp|mv|cat|set|export|find|sudo|apt|pip|git|cd|ls|npm|docker|curl|echo|mkdir|grep|awk|sed) \S|[\w.\[\]]+ ?[-+*/]?= ?\S|//|@\w+|\$ )|[;{]\s*$"
)


def without_code(text: str) -> str:
    """The text with fenced and inline code and addresses blanked out by spaces: every other character keeps its place."""
    if "```" in text or "~~~" in text:
        text = _FENCE.sub(_blank, text)
    if "`" in text:
        text = _INLINE.sub(_blank, text)
    return _ADDRESS.sub(_blank, text) if "://" in text or "www." in text else text


def without_math(text: str) -> str:
    """The text with formulas between dollar signs or ``\\(`` and ``\\[`` blanked out by spaces."""
    return _MATH.sub(_blank, text) if "$" in text or "\\" in text else text


def looks_like_code(text: str) -> bool:
    """Whether at least a third of the lines, fences left out, are lines of a program or of markup."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and 3 * sum(_CODE_LINE.search(line) is not None for line in lines) >= len(lines)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())
