# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that know what they are called, what they may be, and how people write them.

A component that has settings has one frozen dataclass of them, derived from `Settings`, each field
made by `setting`. The command line's options, their checks, and a TOML table are all read off it:

    @dataclass(frozen=True)
    class FadingConfig(Settings):
        group = "fading"
        doppler: float = setting(10.0, "--doppler", "maximum Doppler frequency", metavar="HZ",
                                 least=0, most=1e6, unit="Hz")

    FadingConfig.add_options(parser)
    config = FadingConfig.from_args(parser.parse_args())        # --doppler 1.2k
    config = FadingConfig.from_mapping({"doppler": "1.2k"})     # doppler = "1.2k", or 1200
    config = FadingConfig(doppler=1200.0)

None of the three gives an object that is out of range. What a component finds out later than that
is a `SettingError`, too: within `with FadingConfig.told_as_flags():` it names the flag.
"""

import argparse
import contextlib
import dataclasses
import difflib
import math
import numbers
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, Self

from percast.errors import UsageError
from percast.quantity import quantity

_KEY = "percast setting"

REQUIRED = dataclasses.MISSING
"""In place of a default."""


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()
"""What a `parse` gives for a word such as "none", where None already says: not asked for."""


class SettingError(UsageError):
    """A setting that makes no sense.

    Attributes:
        field: name of the dataclass's field.
        reason: what it must be, to be read after the name.
    """

    def __init__(self, field: str, reason: str, name: str = ""):
        super().__init__(f"{name or field} {reason}")
        self.field, self.reason = field, reason


@dataclass(frozen=True)
class Setting:
    """What is known of one field; see `setting`."""

    flag: str
    help: str
    metavar: str | None
    parse: Callable[[str], Any]
    least: float | None
    most: float | None
    unit: str
    whole: bool
    choices: Sequence[str] | None
    several: bool
    fields: tuple[str, ...]

    @property
    def dest(self) -> str:
        """Of argparse, and the key in TOML."""
        return self.flag.lstrip("-").replace("-", "_")


def setting(
    default: Any,
    flag: str,
    help: str,  # noqa: A002 - argparse's word
    *,
    metavar: str | None = None,
    parse: Callable[[str], Any] = quantity,
    least: float | None = None,
    most: float | None = None,
    unit: str = "",
    whole: bool = False,
    choices: Sequence[str] | None = None,
    several: bool = False,
    fields: tuple[str, ...] = (),
) -> Any:
    """A field of a `Settings` class.

    Args:
        default: None where the setting need not be given; `REQUIRED` where it must. False makes a
            switch.
        flag: of the command line; its key in TOML is the same with underscores, without dashes.
        help: one line; "%(default)s" is the default.
        metavar: stands for the value in the help.
        parse: text to value; raises `argparse.ArgumentTypeError` or `UsageError`.
        least, most: range of a number, or of each in a list; ends included, and always finite.
        unit: said after the range.
        whole: no fractions.
        choices: all that is allowed, of a text, or of each in a list.
        several: the flag may be given several times, and TOML may have a list; the default is a
            tuple of what is parsed. For one flag with a list, see `list_of`.
        fields: where one flag sets several fields, all of them; `parse` gives as many values. The
            flag belongs to the first; the others carry the same flag and their own ranges.
    """
    about = Setting(flag, help, metavar, parse, least, most, unit, whole, choices, several, fields)
    return dataclasses.field(default=default, metadata={_KEY: about})


def like(
    settings: "type[Settings]",
    name: str,
    default: Any,
    help: str,  # noqa: A002
    **changes: Any,
) -> Any:
    """A field that another class has, too: the same flag and range, another default and help.

    Args:
        changes: what else of `setting` differs.
    """
    (field,) = (field for field in dataclasses.fields(settings) if field.name == name)
    about = dataclasses.replace(about_of(field), help=help, **changes)
    return dataclasses.field(default=default, metadata={_KEY: about})


def about_of(field: dataclasses.Field) -> Setting:
    """What is known of a field that `setting` or `like` made."""
    return field.metadata[_KEY]


def keys_of(settings: "type[Settings]") -> dict[str, str]:
    """Keys in TOML, by the field; where one sets several fields, by the first."""
    return {name: about.dest for name, about, _ in settings._options()}


def list_of(parse: Callable[[str], Any]) -> Callable[[str], tuple]:
    """A `parse` for comma-separated values, each once."""

    def parse_all(text: str) -> tuple:
        try:
            return tuple(dict.fromkeys(parse(part) for part in text.split(",")))
        except (argparse.ArgumentTypeError, UsageError) as error:
            raise UsageError(f"{text}: {error}") from error

    return parse_all


@dataclass(frozen=True)
class Settings:
    """Base of a component's settings."""

    group: ClassVar[str] = ""
    """Heading of the options in the help."""

    def __post_init__(self) -> None:
        for error in self._problems():
            raise error

    def check(self) -> Iterator[SettingError]:
        """What no range can say; for a class to add, after `yield from super().check()`."""
        return iter(())

    @classmethod
    def add_options(
        cls, parser: argparse.ArgumentParser, without: Collection[str] = (), **defaults: Any
    ) -> None:
        """Adds the options to a parser, as a group.

        Args:
            without: fields that this command does not have; they keep their defaults.
            defaults: of this command, by field, where they differ.
        """
        group = parser.add_argument_group(cls.group)
        for name, about, default in cls._options():
            if name in without:
                continue
            default = defaults.get(name, default)
            if default is False:
                group.add_argument(about.flag, action="store_true", help=about.help)
                continue
            group.add_argument(
                about.flag,
                action="append" if about.several else "store",
                type=_option_type(about),
                # argparse would append to a default.
                default=None if default is REQUIRED or about.several else default,
                required=default is REQUIRED,
                metavar=about.metavar,
                help=about.help,
            )

    @classmethod
    def from_args(cls, args: argparse.Namespace, **others: Any) -> Self:
        """The settings that parsed options ask for.

        Args:
            args: options that it does not have keep their defaults.
            others: fields that are no options, or are given by the program.

        Raises:
            UsageError: naming the flag.
        """
        values: dict[str, Any] = {}
        for name, about, default in cls._options():
            if hasattr(args, about.dest):
                value = getattr(args, about.dest)
                if about.several:
                    value = default if value is None else tuple(value)
                values |= _spread(name, about, value)
        with cls.told_as_flags():
            return cls(**values | others)

    @classmethod
    @contextlib.contextmanager
    def told_as_flags(cls) -> Iterator[None]:
        """A `SettingError` raised inside names the flag in place of the field."""
        try:
            yield
        except SettingError as error:
            raise cls._renamed(error, lambda about: about.flag) from error

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any], where: str = "", **others: Any) -> Self:
        """The settings of a TOML table; what it does not have keeps its default.

        Args:
            table: numbers, or text as on the command line ("20k").
            where: the table's name, for messages.
            others: fields that are no options, or are given by the program.

        Raises:
            UsageError: a line for each mistake, naming table and key.
        """
        known = {about.dest: (name, about, default) for name, about, default in cls._options()}
        values, wrong, unread = {}, [], set()
        place = f"[{where}] " if where else ""
        for key, value in table.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f": did you mean '{near[0]}'?" if near else ""
                wrong.append(UsageError(f"{place}{key}: there is no such setting{hint}"))
                continue
            name, about, default = known[key]
            try:
                values |= _spread(name, about, _typed(about, value, default))
            except (argparse.ArgumentTypeError, ValueError, UsageError) as error:
                wrong.append(UsageError(f"{place}{key}: {error}"))
                unread.add(name)
        unchecked = object.__new__(cls)
        for field in dataclasses.fields(cls):
            value = (values | others).get(field.name, field.default)
            object.__setattr__(unchecked, field.name, value)
        for error in unchecked._problems():
            if error.field in unread:  # it is missing only because it could not be read
                continue
            wrong.append(cls._renamed(error, lambda about: place + about.dest))
        if wrong:
            raise UsageError("\n".join(map(str, wrong)))
        return cls(**values | others)

    def _problems(self) -> Iterator[SettingError]:
        sound = True
        for field in dataclasses.fields(self):
            about = field.metadata.get(_KEY)
            value = getattr(self, field.name)
            if about is None:
                continue
            if value is None or value is REQUIRED or value is NOTHING:
                if field.default is REQUIRED:
                    sound = False
                    yield SettingError(field.name, f"is missing: {about.help}")
                continue
            for each in value if isinstance(value, tuple) else (value,):
                if (reason := _out_of_range(about, each)) is not None:
                    sound = False
                    yield SettingError(field.name, reason)
        if sound:  # or what compares values would stumble
            yield from self.check()

    @classmethod
    def _options(cls) -> Iterator[tuple[str, Setting, Any]]:
        """Field, setting and default of each flag."""
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        seen = set()
        for field in dataclasses.fields(cls):
            about = field.metadata.get(_KEY)
            if about is None or about.flag in seen:
                continue
            seen.add(about.flag)
            default = tuple(defaults[f] for f in about.fields) if about.fields else field.default
            yield field.name, about, default

    @classmethod
    def _renamed(cls, error: SettingError, name: Callable[[Setting], str]) -> SettingError:
        for field in dataclasses.fields(cls):
            if field.name == error.field and (about := field.metadata.get(_KEY)) is not None:
                return SettingError(error.field, error.reason, name(about))
        return error


def _option_type(about: Setting) -> Callable[[str], Any]:
    """For argparse, which itself names the flag of an `ArgumentTypeError` only."""

    @wraps(about.parse)  # argparse tells its name
    def parse(text: str) -> Any:
        try:
            return about.parse(text)
        except UsageError as error:
            raise UsageError(f"{about.flag} {error}") from error

    return parse


def _spread(name: str, about: Setting, value: Any) -> dict[str, Any]:
    return dict(zip(about.fields, value, strict=True)) if about.fields else {name: value}


def _typed(about: Setting, value: Any, default: Any) -> Any:
    """A value of a TOML table as the field takes it."""
    if isinstance(default, bool) or isinstance(value, bool):
        if isinstance(default, bool) and isinstance(value, bool):
            return value
        wrong = "neither true nor false" if isinstance(default, bool) else "no value for it"
        raise UsageError(f"{value!r} is {wrong}")
    if about.several:
        return tuple(map(about.parse, map(str, value if isinstance(value, list) else [value])))
    if isinstance(value, numbers.Real):
        if abs(value) > sys.float_info.max:  # also a whole number of hundreds of digits
            raise UsageError("the number is too large")
        if about.parse in (quantity, float, int):
            return value
        value = str(value)
    elif isinstance(value, list) and (about.fields or isinstance(default, tuple)):
        value = ",".join(map(str, value))
    elif isinstance(value, Mapping):  # of stages, as LNA=16,VGA=20
        value = ",".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, str):
        return about.parse(value)
    raise UsageError(f"{value!r} is no value for it")


def _out_of_range(about: Setting, value: Any) -> str | None:
    """Why a value cannot be; None if it can."""
    if about.choices is not None and value not in about.choices:
        return f"{value} is unknown; choose from {', '.join(about.choices)}"
    ranged = about.whole or about.least is not None or about.most is not None
    if not ranged:
        return None
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if (
        number
        and math.isfinite(value)
        and (about.least is None or value >= about.least)
        and (about.most is None or value <= about.most)
        and not (about.whole and value != int(value))
    ):
        return None
    return f"must be {_limits(about)}, not {value}"


def _limits(about: Setting) -> str:
    parts = ["a whole number"] if about.whole else []
    if about.least is not None and about.most is not None:
        parts.append(f"from {about.least:g} to {about.most:g}")
    elif about.least is not None:
        parts.append(f"at least {about.least:g}")
    elif about.most is not None:
        parts.append(f"at most {about.most:g}")
    return " ".join([*parts, *([about.unit] if about.unit else [])])
