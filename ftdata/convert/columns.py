"""Write rows as Parquet: one type for each place, found over all rows first, then written in slices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import IO, TYPE_CHECKING, Any, cast

from ftdata.convert.outputs import Spool
from ftdata.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

SLICE_ROWS = 4_096
_WHOLE = range(-(1 << 63), 1 << 63)


@dataclass(slots=True)
class Shape:
    """What stands at one place in all rows: the scalar types met, the items of lists, the fields of objects."""

    scalars: set[str] = field(default_factory=set)
    items: Shape | None = None
    fields: dict[str, Shape] | None = None

    def add(self, value: Any) -> None:
        """Take note of a value."""
        if value is None:
            return
        if isinstance(value, dict):
            self.fields = {} if self.fields is None else self.fields
            for key, item in value.items():
                if key not in self.fields:
                    self.fields[key] = Shape()
                self.fields[key].add(item)
        elif isinstance(value, list):
            self.items = Shape() if self.items is None else self.items
            for item in value:
                self.items.add(item)
        elif isinstance(value, int) and not isinstance(value, bool) and value not in _WHOLE:
            self.scalars.add("long")
        else:
            self.scalars.add(type(value).__name__)

    def conflict(self, place: str) -> str | None:
        """The first place that holds values of several types, as "messages[].content: text and a list"."""
        kinds = [_WORDS[name] for name in sorted(self.scalars)] if self.scalars != {"int", "float"} else ["a number"]
        kinds += ["a list"] * (self.items is not None) + ["an object"] * (self.fields is not None)
        if len(kinds) > 1:
            return f"{place}: {' and '.join(kinds)}"
        if self.scalars == {"long"}:
            return f"{place}: whole numbers beyond 64 bits"
        if self.fields is not None and not self.fields:
            return f"{place}: objects without fields"
        if self.items is not None:
            return self.items.conflict(f"{place}[]")
        for key, shape in (self.fields or {}).items():
            found = shape.conflict(f"{place}.{key}")
            if found is not None:
                return found
        return None

    def dtype(self) -> Any:
        """The type as polars has it."""
        import polars as pl

        if self.fields is not None:
            return pl.Struct({key: shape.dtype() for key, shape in self.fields.items()})
        if self.items is not None:
            return pl.List(self.items.dtype())
        if self.scalars == {"bool"}:
            return pl.Boolean
        return pl.Int64 if self.scalars == {"int"} else pl.Float64 if "float" in self.scalars else pl.String


_WORDS = {"str": "text", "int": "a number", "float": "a number", "bool": "a boolean", "long": "a whole number beyond 64 bits"}


class ParquetSink:
    """Parquet, in slices of rows. Raises UsageError, with the place, where rows hold values of several types."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._spool = Spool()

    def write(self, lines: bytes) -> None:
        """Keep some lines until all types are known."""
        self._spool.write(lines)

    def close(self, columns: Iterable[str]) -> list[str]:
        """Find the types and write everything. Says where whole numbers became floats."""
        whole = Shape(fields={})
        for row in self._spool.rows():
            whole.add(row)
        shapes = whole.fields or {}
        for name, shape in shapes.items():
            found = shape.conflict(name)
            if found is not None:
                raise UsageError(f"Parquet wants one type at each place, and here are several: {found}", _JSON_LINES)
        schema = {name: shape.dtype() for name, shape in shapes.items()}
        try:
            _write(self._file, self._slices(schema), schema)
        except OSError:
            raise
        except Exception as error:
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise UsageError(f"these rows cannot be written as Parquet ({reason})", _JSON_LINES) from None
        floats = [name for name, shape in shapes.items() if shape.scalars == {"int", "float"}]
        return [f"whole numbers in {name} are written as floats, for others there are none" for name in floats]

    def free(self) -> None:
        """Let go of what was kept."""
        self._spool.free()

    def _slices(self, schema: dict[str, Any]) -> Iterator[pl.DataFrame]:
        import polars as pl

        rows: list[dict[str, Any]] = []
        for row in self._spool.rows():
            rows.append(row)
            if len(rows) >= SLICE_ROWS:
                yield pl.DataFrame(rows, schema=schema, orient="row", strict=True)
                rows = []
        if rows:
            yield pl.DataFrame(rows, schema=schema, orient="row", strict=True)


_JSON_LINES = "Write .jsonl; every trainer that reads Parquet reads it too."


def _write(file: BufferedIOBase, slices: Iterator[pl.DataFrame], schema: dict[str, Any]) -> None:
    from polars.io.plugins import register_io_source

    def source(with_columns: Any, predicate: Any, n_rows: Any, batch_size: Any) -> Iterator[pl.DataFrame]:
        yield from slices

    register_io_source(source, schema=schema).sink_parquet(cast(IO[bytes], file), compression="zstd", maintain_order=True)
