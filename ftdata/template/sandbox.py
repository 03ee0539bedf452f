"""The jinja2 environment a chat template runs in: transformers' own, in the immutable sandbox. Worker side only.

Source: ``transformers/utils/chat_template_utils.py``, ``_cached_compile_jinja_template``, transformers 5.23.0 (read
2026-11-23): blocks trimmed, ``loopcontrols``, the ``generation`` tag, ``raise_exception``, ``strftime_now``, a
``tojson`` that escapes nothing, and narrowed ``dict`` and ``namespace``.
"""

from __future__ import annotations

import datetime
import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

# What a template sees as now, in every run. The weekday, day and month are told apart in any notation.
NOW = datetime.datetime(2026, 1, 31, 13, 45, 59)
_WORDS = 500
_SPANS = 100_000
_POWER_BITS = 1 << 22


class Raised(TemplateError):
    """What ``raise_exception`` raises: the template's own words."""


class TooMuchOutput(Exception):
    """The rendering grew past the limit."""


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox; a product or a power far past every limit is refused before it is computed."""

    intercepted_binops = frozenset({"*", "**"})
    limit = 1 << 26

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute a product or a power, if the result is of a size that a rendering can have."""
        if operator == "*":
            for value, times in ((left, right), (right, left)):
                if isinstance(value, str | list | tuple) and isinstance(times, int) and len(value) * times > self.limit:
                    raise MemoryError
        elif isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _POWER_BITS:
            raise MemoryError
        return super().call_binop(context, operator, left, right)


class Generation(Extension):
    """``{% generation %}``: remembers which characters of the rendering its body wrote."""

    tags = {"generation"}  # noqa: RUF012  (as jinja2 declares it)

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(environment)
        environment.extend(generation=self)
        self.written = 0
        self.spans: list[tuple[int, int]] = []

    def parse(self, parser: Parser) -> nodes.Node:
        """Turn the tag into a call of ``mark`` with the body as its caller."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("mark"), [], [], body).set_lineno(line)

    def mark(self, caller: Callable[[], str]) -> str:
        """Return the body's text and note its span, counted as transformers counts it."""
        text = caller()
        if len(self.spans) < _SPANS:
            self.spans.append((self.written, self.written + len(text)))
        return text


class _Dict:
    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **kwargs)


class _Namespace(Namespace):
    """A namespace without underscore names, as transformers has had it since 5.2x."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, args = args[0], args[1:]
        values = dict(*args, **kwargs)
        for name in values:
            _check_name(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace takes no underscore names, but got {name!r}")


def _raise_exception(message: Any = "") -> None:
    raise Raised(str(message))


def _to_json(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Sandbox:
    """Compiles the templates of one model and renders conversations with them."""

    def __init__(self, templates: Mapping[str, str], limit: int) -> None:
        self._sources = dict(templates)
        self._compiled: dict[str, jinja2.Template] = {}
        self._limit = limit
        self._dates: list[str] = []
        self.environment = ChatEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
        )
        self.environment.limit = limit
        self.environment.filters["tojson"] = _to_json
        self.environment.globals.update(
            raise_exception=_raise_exception, strftime_now=self._strftime_now, dict=_Dict(), namespace=_Namespace
        )

    def _strftime_now(self, form: str) -> str:
        text = NOW.strftime(form)
        if len(self._dates) < 16:
            self._dates.append(text[:100])
        return text

    def render(self, name: str, variables: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the text and what else is known: spans, dates, or the kind and words of what went wrong."""
        self._dates = []
        marks: Generation = self.environment.generation  # type: ignore[attr-defined]
        marks.written, marks.spans = 0, []
        try:
            template = self._compiled.get(name)
            if template is None:
                template = self._compiled[name] = self.environment.from_string(self._sources[name])
            blocks = []
            for block in template.generate(variables):
                blocks.append(block)
                marks.written += len(block)
                if marks.written > self._limit:
                    raise TooMuchOutput
            return "".join(blocks), {"spans": marks.spans, "dates": self._dates}
        except Exception as error:
            return "", {"fault": _name(error), "words": _words(error)}


def _name(error: Exception) -> str:
    names: tuple[tuple[type[Exception], str], ...] = (
        (TemplateSyntaxError, "syntax"), (SecurityError, "security"), (MemoryError, "memory"),
        (RecursionError, "recursion"), (TooMuchOutput, "output"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(error, kind)), "raised")


def _words(error: Exception) -> str:
    if isinstance(error, TooMuchOutput | MemoryError | RecursionError):
        return ""
    if isinstance(error, TemplateSyntaxError):
        return f"line {error.lineno}: {error.message}"[:_WORDS]
    if isinstance(error, Raised):
        return str(error)[:_WORDS]
    return f"{type(error).__name__}: {error}"[:_WORDS]


# jinja2 looks operators up in a table; named here so that a change of its names fails when this module is imported.
assert ChatEnvironment.default_binop_table["*"] is operator.mul
