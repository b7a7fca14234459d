# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes that cannot be written, as services and containers have them: nothing is claimed to be kept
that is not, and nothing is left behind."""

import os
import pwd
import signal
import subprocess
import sys
import time

import pytest

from percast import home
from percast.errors import FileError

VERSION = ("--version",)
KEEPERS = {
    "weights": ("eval", "fetch-weights"),
    "all weights": ("eval", "fetch-weights", "--all"),
    "blocks": ("grc", "install"),
}


@pytest.fixture
def service(tmp_path):
    """The environment of a process whose home takes nothing, root's neither; and its TMPDIR."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gnuradio").write_text("in the way")
    (tmp_path / "home/.cache").write_text("in the way")
    (tmp_path / "home/.grc_gnuradio").write_text("in the way")
    env = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": "", "TMPDIR": str(scratch)}
    return env, scratch


@pytest.mark.parametrize("place", ["/proc", "/nonexistent/home", None])
@pytest.mark.parametrize("argv", KEEPERS.values(), ids=KEEPERS)
def test_what_cannot_be_kept_is_exit_6(percast, service, argv, place):
    env, scratch = service
    if place == "/nonexistent/home" and os.getuid() == 0:
        pytest.skip("root may make it")
    no_network = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PERCAST_PERCEPTUAL": ""}
    run = percast(*argv, **env | no_network | ({"HOME": place} if place else {}))
    assert run.code == 6, run.err
    assert (place or env["HOME"]) in run.complaint and "--dest" in run.complaint
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "argv", [VERSION, ("--help",), ("bogus",), ("grc", "path"), ("doctor",), ("loopback", "--help")]
)
def test_no_folder_is_left_behind(percast, service, argv):
    env, scratch = service
    assert "Traceback" not in percast(*argv, **env).err
    assert list(scratch.iterdir()) == []


def test_none_is_made_before_it_is_needed(service):
    env, scratch = service
    code = (
        "import os, sys; from percast.tools import cli\n"
        "made = lambda: os.listdir(os.environ['TMPDIR'])\n"
        "assert cli.main(['grc', 'path']) == 0 and made() == []\n"
        "from percast import home\n"
        "home.settle_gnu_radio(runs=False); assert made() == []\n"
        "home.settle_gnu_radio(); assert len(made()) == 1 and os.environ['HOME'].startswith("
        "os.environ['TMPDIR']); assert str(home.user_home()) == sys.argv[1]\n"
        "home.settle_gnu_radio(); assert len(made()) == 1\n"
    )
    argv = [sys.executable, "-c", code, env["HOME"]]
    done = subprocess.run(argv, env=os.environ | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(scratch.iterdir()) == []


def test_pictures_are_sent_all_the_same_and_the_users_weights_are_found(
    percast, service, small_photos, perceptual_weights
):
    env, scratch = service
    cache = scratch.parent / "home/.cache"
    cache.unlink()
    (cache / "percast").mkdir(parents=True)
    (cache / "percast/perceptual").symlink_to(perceptual_weights)
    run = percast("loopback", "--source", small_photos, "--frames", 2, "--json", **env,
                  PERCAST_PERCEPTUAL="")  # fmt: skip
    assert run.code == 0 and run.json["received"] == 2, run.err
    assert run.json["lpips"] is not None
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_link_leaves_no_folder(popen, service, small_photos, kind):
    env, scratch = service
    link = popen(
        [sys.executable, "-m", "percast.tools.cli", "loopback", "--source", small_photos,
         "--frames", "0", "--metrics", "none"],
        env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not list(scratch.glob("percast-home-*/.gnuradio")) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
        link.send_signal(kind)
        _, err = link.communicate(timeout=60)
    finally:
        link.kill()
    assert link.returncode == 130, err
    assert list(scratch.iterdir()) == []


def test_a_user_without_a_home_has_a_cache_nowhere(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for nothing in ("", "relative"):
        monkeypatch.setenv("HOME", nothing)
        monkeypatch.setenv("XDG_CACHE_HOME", nothing)
        assert str(home.user_cache()) == "/nonexistent/.cache/percast"


def test_nowhere_to_write_at_all_is_one_line(monkeypatch, service):
    def full(prefix):
        raise OSError(30, "Read-only file system")

    monkeypatch.setenv("HOME", service[0]["HOME"])
    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(FileError, match="HOME or TMPDIR"):
        home.settle_gnu_radio()
