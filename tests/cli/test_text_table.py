"""Tables are plain text: aligned, unboxed, whole."""

import pytest

from testbed.cli.text_table import table


def test_the_first_column_is_to_the_left_and_the_others_to_the_right():
    assert table(("who", "n"), [("a", "10"), ("long name", "5")]) == "who         n\na          10\nlong name   5"


def test_a_wide_table_goes_on_below_with_its_first_column():
    shown = table(("", "first", "second", "third"), [("lc", "1", "2", "3")], 18)
    assert shown == "    first  second\nlc      1       2\n\n    third\nlc      3"


def test_what_no_width_holds_is_neither_cut_nor_broken():
    long = "x" * 300
    assert table(("", long), [("a name", "1")], 20) == f"{'':6}  {long}\n{'a name'}  {'1':>300}"


@pytest.mark.parametrize("name", ["[bold]a[/bold]", ":smile:", "C:\\run", "1.5 ± 0.2", "[/]"])
def test_a_name_is_printed_as_it_is(name):
    assert table(("", "n"), [(name, "7")]).splitlines()[1] == f"{name}  7"


def test_wide_letters_are_counted_as_terminals_show_them():
    first, second, third = table(("", "n"), [("東京", "1"), ("Rome", "2")]).splitlines()
    assert (first, second, third) == ("      n", "東京  1", "Rome  2")


def test_lines_end_with_their_last_letter():
    assert table(("a", "b"), [("x", ""), ("", "")]) == "a  b\nx\n"
