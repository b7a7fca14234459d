# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables on a terminal."""

from percast.tools.terminal import print_table


def test_every_text_of_a_wide_table_is_shown_in_full(capsys, monkeypatch):
    """On a narrow terminal and in a pipe: a row that has lost its name says nothing."""
    monkeypatch.setenv("COLUMNS", "60")
    row = ["percast mse", "hevc-ldpc at 1/48", *["0.493 [0.402, 0.602] of 12"] * 7]
    print_table("saved", ["code", "of", *"abcdefg"], [row], ("code", "of"))
    line = next(line for line in capsys.readouterr().out.splitlines() if "percast" in line)
    assert [text.strip() for text in line.strip("│").split("│")] == row


def test_a_table_takes_no_more_columns_than_it_needs(capsys):
    title = "as wide as it is, beside a table that is narrow: a path of a folder may be"
    print_table(title, ["cbr"], [["1/48"]])
    first, *table = capsys.readouterr().out.splitlines()
    assert first == title and {len(line) for line in table} == {8}
