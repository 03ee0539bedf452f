"""CONVERT: a sample becomes a row of another format, with an exact account of what that format cannot express."""

from ftdata.convert.canonical import canonical_row, openai_row
from ftdata.convert.details import OPENAI, Details, details_for
from ftdata.convert.loss import Loss, restore, sidecar, without
from ftdata.convert.render import OPENAI_SHAPED, UNWRITABLE, WRITABLE, render
from ftdata.convert.reshape import drop_rejected, unpair
from ftdata.convert.unkept import unkept
from ftdata.formats.parse import parse as read_row

__all__ = [
    "OPENAI",
    "OPENAI_SHAPED",
    "UNWRITABLE",
    "WRITABLE",
    "Details",
    "Loss",
    "canonical_row",
    "details_for",
    "drop_rejected",
    "openai_row",
    "read_row",
    "render",
    "restore",
    "sidecar",
    "unkept",
    "unpair",
    "without",
]
