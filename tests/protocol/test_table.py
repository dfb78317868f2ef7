"""Tables: the list of their rows, and their columns."""

import numpy as np
import pytest

from testbed.protocol.rows import EventRow, RewardRow, TaskRow
from testbed.protocol.table import ColumnTable, Labels, constant, joined


def events(count):
    return [EventRow(n, f"es-{n % 3}", "died", value=n / 2) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 5, 10_000])
def test_a_table_is_the_list_of_its_rows(count):
    rows = events(count)
    listed = ColumnTable.of(EventRow, rows)
    result = ColumnTable(EventRow, {name: listed.column(name) for name in listed.names}, count)
    for table in (listed, result):
        assert len(table) == count and list(table) == rows and table == rows
        assert table[:2] == rows[:2] and list(reversed(table)) == rows[::-1]
        if count:
            assert (table[0], table[-1]) == (rows[0], rows[-1])
        with pytest.raises(IndexError):
            table[count]
    assert ColumnTable.of(EventRow, result) is result
    assert result != rows[1:] or not count


def test_columns_of_rows_have_the_types_of_their_fields():
    table = ColumnTable.of(EventRow, events(4))
    assert table.ints("at_ns").dtype == np.int64 and table.reals("value").tolist() == [0.0, 0.5, 1.0, 1.5]
    assert table.labels("source").names == ("es-0", "es-1", "es-2")
    assert table.labels("source").are("es-0", "es-7").tolist() == [True, False, False, True]


def test_what_has_no_column_has_its_default_and_takes_no_memory():
    number = np.arange(3)
    named = dict.fromkeys(("number", "cell", "generated_ns", "input_bits", "cycles", "deadline_ns"), number)
    table = ColumnTable(TaskRow, named | {"ue": constant("ue-1-1", 3), "state": constant("late", 3)})
    assert [row.choice for row in table] == [-1, -1, -1] and table[2].number == 2
    assert table.is_constant("es") and table.is_constant("choice") and not table.is_constant("number")
    assert table.take(number > 0).is_constant("choice") and table.take(number > 0)[0].number == 1


def test_rows_are_taken_by_mask_place_and_slice():
    table = ColumnTable.of(EventRow, events(6))
    table.labels("source")
    for at, wanted in ((np.array([4, 1]), [4, 1]), (np.arange(6) % 2 == 1, [1, 3, 5]), (slice(2, 4), [2, 3])):
        taken = table.take(at)
        assert [row.at_ns for row in taken] == wanted == taken.ints("at_ns").tolist()
        assert taken.labels("source").tolist() == [f"es-{n % 3}" for n in wanted]


def test_parts_are_joined_whatever_the_places_of_their_texts():
    rows = events(9)
    parts = [ColumnTable.of(EventRow, rows[:4]), ColumnTable.of(EventRow, rows[4:])]
    columns = [{name: part.column(name) for name in part.names} for part in parts]
    assert list(joined(EventRow, columns)) == rows
    assert len(joined(RewardRow, [])) == 0
    assert Labels.joined([Labels((), np.zeros(0, np.int32)), Labels.of(["a", "b"])]).tolist() == ["a", "b"]
