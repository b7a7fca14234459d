# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from percast.errors import UsageError
from percast.settings import (
    REQUIRED,
    SettingError,
    Settings,
    about_of,
    keys_of,
    like,
    list_of,
    setting,
)


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


def even(text: str) -> int:
    if int(text) % 2:
        raise UsageError(f"{text} is odd")
    return int(text)


@dataclass(frozen=True)
class Antennas(Settings):
    group = "antennas"

    port: str = setting(REQUIRED, "--port", "name of a port", parse=str)
    element: tuple[int, ...] = setting((), "--element", "", parse=even, several=True, most=8)
    spacings: tuple[float, ...] = setting((1.0,), "--spacings", "", parse=list_of(float))
    gain: object = setting(None, "--gain", "", parse=str)
    doppler: float | None = like(Fading, "doppler", None, "of the antenna")


def antennas(*argv: str) -> Antennas:
    parser = argparse.ArgumentParser()
    Antennas.add_options(parser, port=None)
    return Antennas.from_args(parser.parse_args(argv))


def test_what_is_required_is_missed_everywhere():
    parser = argparse.ArgumentParser(exit_on_error=False)
    Antennas.add_options(parser)
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parser.parse_args([])
    with pytest.raises(UsageError, match="^--port is missing: name of a port$"):
        antennas()
    with pytest.raises(UsageError, match=r"^\[a\] port is missing"):
        Antennas.from_mapping({}, "a")
    with pytest.raises(TypeError):
        Antennas()


def test_lists_and_stages():
    wanted = Antennas("x", (2, 4), (0.5, 2.0), "A=1,B=2", 5.0)
    options = ("--element=2", "--element=4", "--spacings=0.5,2", "--gain=A=1,B=2", "--doppler=5")
    assert antennas("--port=x", *options) == wanted
    table = {"port": "x", "element": [2, 4], "spacings": [0.5, 2], "doppler": 5}
    assert Antennas.from_mapping(table | {"gain": {"A": 1, "B": 2}}) == wanted
    assert Antennas.from_mapping({"port": "x", "element": 2}) == Antennas("x", (2,))
    assert antennas("--port=x") == Antennas("x")


def test_what_parses_wrongly_names_its_flag_too():
    with pytest.raises(UsageError, match="^--element 3 is odd$"):
        antennas("--port=x", "--element=2", "--element=3")
    with pytest.raises(UsageError, match="^--element must be at most 8, not 10$"):
        antennas("--port=x", "--element=2", "--element=10")


def test_a_borrowed_setting_has_the_range_of_its_owner():
    with pytest.raises(SettingError, match="^doppler must be from 0 to 1e"):
        Antennas("x", doppler=-1.0)


def test_what_is_found_out_later_can_be_told_as_a_flag():
    with pytest.raises(UsageError, match="^--both is taken$"), Fading.told_as_flags():
        raise SettingError("right", "is taken")
    with pytest.raises(UsageError, match="^colour is no field$"), Fading.told_as_flags():
        raise SettingError("colour", "is no field")


def test_a_field_like_another_has_its_flag_and_its_range_and_can_be_looked_at():
    field = like(Fading, "doppler", None, "of a link that runs", most=100)
    about = about_of(field)
    assert field.default is None and about.help == "of a link that runs"
    assert (about.flag, about.least, about.most, about.unit) == ("--doppler", 0, 100, "Hz")


def test_the_keys_of_a_class_are_known_by_its_fields():
    assert keys_of(Fading) == {
        "doppler": "doppler", "taps": "taps", "left": "both", "law": "law", "still": "still",
        "name": "name",
    }  # fmt: skip
