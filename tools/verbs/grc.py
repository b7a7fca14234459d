# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast grc`: the blocks in GNU Radio Companion.

Links, not copies: block descriptions call into the package and must be of the same version, also
after an upgrade.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from percast import blocks, flowgraphs, home
from percast.errors import FileError
from percast.tools import report

DESCRIPTIONS = Path(blocks.__file__).resolve().parent / "grc"
EXAMPLES = Path(flowgraphs.__file__).resolve().parent / "examples"
_PATTERN = "percast_*.block.yml"


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, main, text in (
        ("install", install, "show the blocks in gnuradio-companion"),
        ("uninstall", uninstall, "take them away again"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument(
            "--dest",
            type=Path,
            metavar="DIR",
            help="folder of block descriptions (default: what GNU Radio Companion is set to, "
            "otherwise ~/.grc_gnuradio)",
        )
        verb.set_defaults(main=main)
    text = "print the folder of the block descriptions, for GRC_BLOCKS_PATH"
    verbs.add_parser("path", help=text, description=text).set_defaults(main=print_path)


def install(args: argparse.Namespace) -> int:
    folder = args.dest or local_blocks()
    sources = sorted(DESCRIPTIONS.glob(_PATTERN))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = _our_links(folder)
        for source in sources:
            link = folder / source.name
            if os.path.lexists(link) and link not in ours:
                raise FileError(f"{link}: not made by percast; move it away")
        for link in ours:
            link.unlink()
        for source in sources:
            (folder / source.name).symlink_to(source)
    except OSError as error:
        raise _unwritable(folder, error) from error
    report.say(
        f"{len(sources)} blocks linked into {folder} "
        f"(instead of links: export GRC_BLOCKS_PATH={DESCRIPTIONS})"
    )
    if sys.prefix != sys.base_prefix:
        companion = shutil.which("gnuradio-companion") or "gnuradio-companion"
        report.say(f"start it in this environment: {sys.executable} {companion}")
    report.say(f"examples: {EXAMPLES}")
    if lacking := editor_lacks():
        report.say(f"the editor does not start without: apt install {' '.join(lacking)}")
    return 0


def uninstall(args: argparse.Namespace) -> int:
    folder = args.dest or local_blocks()
    try:
        links = _our_links(folder)
        for link in links:
            link.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from error
    report.say(f"{len(links)} blocks removed from {folder}")
    return 0


def print_path(args: argparse.Namespace) -> int:
    print(DESCRIPTIONS)
    return 0


def local_blocks() -> Path:
    """The folder of the user's own blocks: GRC_HIER_PATH, as GNU Radio's configuration says
    (`[grc] local_blocks_path`), or GNU Radio Companion's default."""
    if not (paths := os.environ.get("GRC_HIER_PATH")):
        home.settle_gnu_radio(runs=False)
        try:
            from gnuradio import gr
        except ImportError:  # it may be installed later
            paths = ""
        else:
            paths = gr.prefs().get_string("grc", "local_blocks_path", "")
    first = next(filter(None, paths.split(os.pathsep)), "~/.grc_gnuradio")
    named = os.path.expandvars(first)
    if named == "~" or named.startswith("~/"):
        return home.user_home() / named[2:]
    return Path(os.path.expanduser(named))


def editor_lacks() -> list[str]:
    """Debian's packages that gnuradio-companion needs to start, and this Python does not find.

    They are what the package gnuradio leaves to others: it depends on the bridge to GTK, and not on
    GTK's own description. The programme asks for the same things in the same way.
    """
    lacking = [] if shutil.which("gnuradio-companion") else ["gnuradio"]
    try:
        import gi
    except ImportError:
        return [*lacking, "python3-gi", "python3-gi-cairo", "gir1.2-gtk-3.0"]
    for package, find in (
        ("python3-gi-cairo", lambda: gi.require_foreign("cairo", "Context")),
        ("gir1.2-gtk-3.0", lambda: gi.require_version("Gtk", "3.0")),
        ("gir1.2-pango-1.0", lambda: gi.require_version("PangoCairo", "1.0")),
    ):
        try:
            find()
        except (ImportError, ValueError):
            lacking.append(package)
    return lacking


def _our_links(folder: Path) -> list[Path]:
    """Links to block descriptions of this or another percast, also one that has gone."""
    links = [path for path in folder.glob(_PATTERN) if path.is_symlink()]
    return [link for link in links if link.readlink().parts[-3:] == ("blocks", "grc", link.name)]


def _unwritable(folder: Path, error: OSError) -> FileError:
    return FileError(f"{folder}: cannot be written ({error.strerror}); choose another --dest")
