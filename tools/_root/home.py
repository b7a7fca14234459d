# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the user's own files lie, and a home for GNU Radio where that one cannot be used."""

import atexit
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from percast.errors import FileError

_NOWHERE = Path("/nonexistent")  # as Debian calls the home of a user who has none

_lent: tuple[Path, Path] | None = None  # the user's home, and the folder in its place


def user_home() -> Path:
    """The user's home; it need not exist."""
    if _lent is not None:
        return _lent[0]
    named = os.environ.get("HOME") or ""
    if os.path.isabs(named):
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # containers often run under a number that nobody has
        return _NOWHERE


def user_cache() -> Path:
    """percast's folder in the user's cache; it need not exist, nor be writable."""
    named = os.environ.get("XDG_CACHE_HOME") or ""
    cache = Path(named) if os.path.isabs(named) else user_home() / ".cache"
    return cache / "percast"


def settle_gnu_radio(runs: bool = True) -> None:
    """Give GNU Radio a home before it is imported, which is the user's where that will do.

    It keeps settings in $HOME/.gnuradio: a graph does not start where that cannot be made, and
    the whole process is aborted where it cannot even be looked for. Then HOME becomes a temporary
    folder, which goes at exit; the user's own files are still looked for where they were.

    Args:
        runs: a graph is to run, not only something to be imported.

    Raises:
        FileError: there is no temporary folder either.
    """
    global _lent
    if _lent is not None:
        return
    home = user_home()
    if _usable(home, runs):
        os.environ["HOME"] = str(home)  # where it names none, GNU Radio takes /tmp for it
        return
    try:
        folder = tempfile.mkdtemp(prefix="percast-home-")
    except OSError as error:
        raise FileError(
            f"GNU Radio needs a folder for its settings, but neither {home} nor a temporary folder "
            f"can be written ({error.strerror}): set HOME or TMPDIR"
        ) from error
    atexit.register(leave)
    _lent = home, Path(folder)
    os.environ["HOME"] = folder


def leave() -> None:
    """Remove the temporary home; for an end without `atexit`, too."""
    if _lent is not None:
        shutil.rmtree(_lent[1], ignore_errors=True)


def _usable(home: Path, runs: bool) -> bool:
    settings = home / ".gnuradio" / "prefs"
    try:
        if runs:  # as GNU Radio does; only trying tells, for root above all
            settings.mkdir(parents=True, exist_ok=True)
            return os.access(settings, os.W_OK | os.X_OK)
        (settings.parent / "config.conf").exists()
    except OSError:
        return False
    return True
