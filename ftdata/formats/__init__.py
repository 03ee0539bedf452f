"""PARSE: raw rows of every format become one canonical sample, and nothing of a row is lost on the way."""

from ftdata.formats.detect import detect_row
from ftdata.formats.identity import canonical, sample_id
from ftdata.formats.outline import outline, shape
from ftdata.formats.parse import parse
from ftdata.formats.plain import read_plain
from ftdata.formats.registry import FORMATS, Detection, Format, summarise

__all__ = [
    "FORMATS",
    "Detection",
    "Format",
    "canonical",
    "detect_row",
    "outline",
    "parse",
    "read_plain",
    "sample_id",
    "shape",
    "summarise",
]
