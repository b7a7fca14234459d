# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from percast.errors import UsageError
from percast.settings import SettingError, Settings, setting


def pair(text: str) -> tuple[float, float]:
    left, _, right = text.partition(",")
    return float(left), float(right or 0)


@dataclass(frozen=True)
class Fading(Settings):
    group = "fading"

    doppler: float = setting(
        10.0, "--doppler", "(default %(default)g)", least=0, most=1e6, unit="Hz"
    )
    taps: int = setting(4, "--taps", "", parse=int, least=1, whole=True)
    left: float = setting(0.0, "--both", "", parse=pair, fields=("left", "right"), most=5)
    right: float = setting(0.0, "--both", "", least=-5)
    law: str = setting("jakes", "--law", "", parse=str.lower, choices=("jakes", "flat"))
    still: bool = setting(False, "--still", "")
    name: str | None = setting(None, "--name", "", parse=str)

    def check(self) -> Iterator[SettingError]:
        if self.still and self.doppler:
            yield SettingError("still", "does not go with a Doppler frequency")


def parse(*argv: str) -> Fading:
    parser = argparse.ArgumentParser()
    Fading.add_options(parser)
    return Fading.from_args(parser.parse_args(argv))


def test_options_tables_and_arguments_give_the_same_settings():
    wanted = Fading(1200.0, 2, 1.0, -2.0, "flat", False, "x")
    options = ("--doppler", "1.2k", "--taps", "2", "--both=1,-2", "--law", "FLAT", "--name", "x")
    assert parse(*options) == wanted
    table = {"doppler": "1.2k", "taps": 2, "both": [1, -2], "law": "FLAT", "name": "x"}
    assert Fading.from_mapping(table) == wanted
    assert Fading.from_mapping(table | {"both": "1,-2"}) == wanted
    assert parse() == Fading.from_mapping({}) == Fading()
    assert parse("--still", "--doppler", "0").still


@pytest.mark.parametrize(
    "change",
    [
        {"doppler": -1.0}, {"doppler": float("nan")}, {"doppler": float("inf")}, {"doppler": True},
        {"doppler": "fast"}, {"taps": 0}, {"taps": 1.5}, {"left": 6.0}, {"right": -6.0},
        {"law": "rice"}, {"still": True},
    ],
)  # fmt: skip
def test_settings_out_of_range_cannot_be_had(change):
    (field,) = change
    with pytest.raises(SettingError, match=f"^{field} ") as caught:
        Fading(**change)
    assert caught.value.field == field


def test_the_command_line_names_the_flag():
    with pytest.raises(UsageError, match="^--both must be at least -5, not -6.0$"):
        parse("--both=0,-6")
    with pytest.raises(UsageError, match="^--still does not go with"):
        parse("--still")


def test_a_table_tells_all_its_mistakes_at_once():
    table = {"dopler": 3, "taps": 0, "both": "x", "law": 7, "still": "yes"}
    with pytest.raises(UsageError) as caught:
        Fading.from_mapping(table, "fading")
    assert sorted(str(caught.value).splitlines()) == [
        "[fading] both: could not convert string to float: 'x'",
        "[fading] dopler: there is no such setting: did you mean 'doppler'?",
        "[fading] law 7 is unknown; choose from jakes, flat",
        "[fading] still: 'yes' is neither true nor false",
        "[fading] taps must be a whole number at least 1, not 0",
    ]


def test_a_command_may_lack_a_setting_or_have_a_default_of_its_own():
    parser = argparse.ArgumentParser()
    Fading.add_options(parser, without=("law",), doppler=3.0)
    args = parser.parse_args([])
    assert not hasattr(args, "law")
    assert Fading.from_args(args) == Fading(doppler=3.0)
    assert Fading.from_args(args, law="flat").law == "flat"
