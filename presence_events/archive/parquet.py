"""Parquet files of events: their columns, writing them from the lines of an export, and what they contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from presence_events.archive.manifests import Contents
from presence_events.archive.packages import pyarrow

__all__ = ["EventFile", "Summary", "batches", "rewrite", "schema"]

_REQUIRED = ("id", "kind", "room", "since", "at", "tx", "day")
_REPEATED = ["kind", "room", "channel_name", "user_id", "data", "process"]
"""Columns whose values are repeated. A page has each of them once."""

_ASCENDING = ["id", "session", "since", "last_seen", "at", "tx"]
"""Columns of numbers that are close to those of the row before. Only the difference is stored."""

_MAX_ROWS = 100_000
"""Rows of one row group."""

_MAX_BYTES = 32 * 1024 * 1024
"""Bytes of CSV in memory, apart from the last row."""


def schema() -> Any:
    """Returns the columns of the files and their types. They are part of the format."""
    pa = pyarrow()
    time = pa.timestamp("us", tz="UTC")
    types = {
        "id": pa.int64(),
        "kind": pa.string(),
        "room": pa.string(),
        "channel_name": pa.string(),
        "user_id": pa.string(),
        "session": pa.int64(),
        "since": time,
        "last_seen": time,
        "data": pa.string(),
        "process": pa.string(),
        "is_leased": pa.bool_(),
        "capacity": pa.int32(),
        "is_exclusive": pa.bool_(),
        "at": time,
        "tx": pa.int64(),
        "day": pa.date32(),
        "commitment": pa.string(),
    }
    return pa.schema([pa.field(name, kind, nullable=name not in _REQUIRED) for name, kind in types.items()])


class EventFile:
    """Writes events to ``file``, as `presence_events.export.copy` gives them in CSV. Use it in a ``with`` block.

    Calls ``reached`` with the last position that was written, after each row group. No more than one row group is in
    memory. The same events give the same bytes with the same release of pyarrow.
    """

    def __init__(self, file: BinaryIO, reached: Callable[[int], object]) -> None:
        self._arrow = pyarrow()
        self._schema = schema()
        self._file = file
        self._reached = reached
        self._header = b""
        self._lines: list[bytes] = []
        self._bytes = 0
        self.summary = Summary()

    def __enter__(self) -> Self:
        self._writer = _writer(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._flush()
        finally:
            self._writer.close()

    def add(self, line: memoryview) -> None:
        """Adds a line. The first one has the names of the columns."""
        if not self._header:
            self._header = bytes(line)
            return
        self._lines.append(bytes(line))
        self._bytes += len(line)
        if len(self._lines) == _MAX_ROWS or self._bytes > _MAX_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._lines:
            return
        csv, text = self._arrow.csv, b"".join([self._header, *self._lines])
        self._lines, self._bytes = [], 0
        rows = csv.read_csv(
            self._arrow.BufferReader(text),
            csv.ReadOptions(block_size=len(text) + 1),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types=self._schema,
                include_columns=self._schema.names,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["true"],
                false_values=["false"],
            ),
        ).cast(self._schema)
        self._writer.write_table(rows, row_group_size=_MAX_ROWS)
        self.summary.add(rows)
        self._reached(rows.column("id")[-1].as_py())


class Summary:
    """Collects what a file contains, from its rows."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._positions: list[int] = []
        self._times: list[datetime] = []
        self.is_in_order = True
        """Whether the positions increase from row to row."""

    def add(self, rows: Any) -> None:
        """Adds ``rows``, at least one, with the columns ``id``, ``kind`` and ``at``."""
        compute, positions = pyarrow().compute, rows.column("id")
        for count in compute.value_counts(rows.column("kind")).to_pylist():
            self._events[count["values"]] += count["counts"]
        increases = compute.all(compute.greater(positions[1:], positions[:-1]), min_count=0).as_py()
        if not increases or (self._positions and self._positions[-1] >= positions[0].as_py()):
            self.is_in_order = False
        lowest, highest = compute.min_max(positions).as_py().values()
        self._positions = [min([lowest, *self._positions]), max([highest, *self._positions])]
        times = [time.astimezone(UTC) for time in compute.min_max(rows.column("at")).as_py().values()]
        self._times = [min([times[0], *self._times]), max([times[1], *self._times])]

    def contents(self) -> Contents:
        """Returns what was added."""
        first_position, last_position = self._positions or (None, None)
        first_at, last_at = self._times or (None, None)
        return Contents(dict(sorted(self._events.items())), first_position, last_position, first_at, last_at)


def rewrite(path: Path, file: BinaryIO, change: Callable[[list[dict[str, Any]]], None]) -> Summary:
    """Writes the rows of the file ``path`` to ``file``, as ``change`` changes them, and returns what was written.

    ``change`` is called with some rows at a time. It may change their values, and neither their number nor their order.
    """
    pa, summary = pyarrow(), Summary()
    with pa.parquet.ParquetFile(path) as source, _writer(file) as writer:
        for number in range(source.num_row_groups):
            rows = source.read_row_group(number).to_pylist()
            change(rows)
            table = pa.Table.from_pylist(rows, schema())
            writer.write_table(table, row_group_size=_MAX_ROWS)
            summary.add(table)
    return summary


def _writer(file: BinaryIO) -> Any:
    return pyarrow().parquet.ParquetWriter(
        file,
        schema(),
        compression="zstd",
        use_dictionary=_REPEATED,
        column_encoding=dict.fromkeys(_ASCENDING, "DELTA_BINARY_PACKED"),
    )


def batches(path: Path, columns: Sequence[str] = ("id", "kind", "at")) -> Iterator[Any]:
    """Yields the rows of the file ``path`` with these ``columns``, a part at a time.

    Raises a ValueError if the file has other columns than `schema`, and what pyarrow raises.
    """
    with pyarrow().parquet.ParquetFile(path) as file:
        if file.schema_arrow != schema():
            raise ValueError("its columns are not those of the format")
        yield from file.iter_batches(columns=list(columns))
