# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that a user can cause. Each ends in one line on stderr and a documented exit code.

Anything that is not a `PercastError` is a bug and keeps its traceback (exit code 1).
"""

INTERRUPTED = 130  # exit code after Ctrl-C


def one_line(error: object, most: int | None = 200) -> str:
    """What a library or a driver says, in one line of ours.

    Args:
        error: an exception, or a text.
        most: characters; None for all.
    """
    return " ".join(str(error).split())[:most]


class PercastError(Exception):
    """Base of all errors that a user can cause; the message says what to do."""

    exit_code = 1


class UsageError(PercastError):
    """A flag or an argument is wrong, or needs a package that is not installed."""

    exit_code = 2


class DeviceError(PercastError):
    """A radio or a camera is absent, busy or was unplugged."""

    exit_code = 3


class ModelError(PercastError):
    """A model or an engine is unknown, damaged, or does not fit this machine."""

    exit_code = 4


class LinkError(PercastError):
    """Nothing was received."""

    exit_code = 5


class FileError(PercastError):
    """An input cannot be read, or the output cannot be written."""

    exit_code = 6
