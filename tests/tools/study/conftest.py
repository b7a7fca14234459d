# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of pictures, `percast study` in this process, and a server for a browser."""

from collections.abc import Iterator

import pytest

from percast.errors import PercastError
from percast.tools.cli import build_parser
from tests.conftest import Run
from tests.tools.study.studies import Served, degraded, make_study, served


@pytest.fixture(scope="module")
def folders(small_photos, tmp_path_factory):
    return degraded(small_photos, tmp_path_factory.mktemp("folders"), side=64)


@pytest.fixture
def study(capsys):
    """Runs `percast study` here, where the interpreter has started already."""

    def run(*argv: object) -> Run:
        words = ["study", *map(str, argv)]
        try:
            args = build_parser(words).parse_args(words)
            code, problem = args.main(args), ""
        except PercastError as error:
            code, problem = error.exit_code, f"percast: {error}\n"
        out, err = capsys.readouterr()
        return Run(code, out, err + problem)

    return run


@pytest.fixture(scope="module")
def site(small_photos, tmp_path_factory) -> Iterator[Served]:
    """A server for all tests that need no one of their own."""
    other = make_study(small_photos, tmp_path_factory.mktemp("site"), side=64, equal=True)
    with served(other.path) as server:
        server.folder = other
        yield server
