# SPDX-License-Identifier: GPL-3.0-or-later
"""Fake HackRF boards on one air, under the real drivers: see libhackrf.c and air.c."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# No -ffast-math: linked into a library it changes the arithmetic of the whole process.
FLAGS = ("-shared", "-fPIC", "-pthread", "-O3", "-march=native", "-fno-math-errno",
         "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math",
         "-Wl,-soname,libhackrf.so.0")  # fmt: skip


def serial_number(digit: str) -> str:
    """The serial number of a board that is told from the others by one hexadecimal digit."""
    return "0" * 16 + digit * 16


@dataclass(frozen=True)
class Computer:
    """A computer with its own USB ports; a process on it sees the boards that are plugged in.

    Args:
        ports: the folder of its boards.
        air: the file of the air.
        library: the folder with the fake library.
        settings: more of the environment, such as FAKE_HACKRF_LOSS.
    """

    ports: Path
    air: Path
    library: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """What its processes need in their environment."""
        return self.settings | {
            "LD_LIBRARY_PATH": str(self.library),
            "FAKE_HACKRF_BOARDS": str(self.ports),
            "FAKE_HACKRF_AIR": str(self.air),
            "UHD_MODULE_PATH": str(uhd_module() or ""),
        }

    def plug(self, digit: str, **properties: float) -> str:
        """Plug a board in, with what libhackrf.c says of boards; its serial number."""
        serial = serial_number(digit)
        new = self.ports / f".{serial}"  # appears whole or not at all
        new.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        new.rename(self.ports / serial)
        self._mode(digit).unlink(missing_ok=True)
        return serial

    def unplug(self, digit: str) -> None:
        (self.ports / serial_number(digit)).unlink()

    def mode(self, digit: str) -> str | None:
        """What a board does, whatever has become of the process that told it: off, receive or
        transmit; None where it was never opened since it was plugged in."""
        try:
            return self._mode(digit).read_text() or None
        except FileNotFoundError:
            return None

    def _mode(self, digit: str) -> Path:
        return self.ports / f".mode.{serial_number(digit)}"


@dataclass(frozen=True)
class Air:
    """One air with the computers on it.

    Args:
        folder: for all that it needs.
        library: the folder with the fake library.
        settings: FAKE_HACKRF_LOSS and FAKE_HACKRF_SPEED.
    """

    folder: Path
    library: Path
    settings: dict[str, str]

    def computer(self, name: str) -> Computer:
        ports = self.folder / name
        ports.mkdir()
        return Computer(ports, self.folder / "air", self.library, self.settings)


def compile_library(folder: Path) -> Path:
    """Compile the fake library, or skip where there is no compiler; the folder it lies in."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the fake libhackrf: apt install gcc")
    subprocess.run(
        [compiler, *FLAGS, HERE / "libhackrf.c", HERE / "air.c", "-lm",
         "-o", folder / "libhackrf.so.0"],
        check=True,
    )  # fmt: skip
    return folder


def uhd_module() -> Path | None:
    """UHD's module for SoapySDR devices."""
    return next(Path("/usr/lib").glob("*/uhd/modules/libsoapySupport.so"), None)


def _soapy_module() -> Path | None:
    return next(Path("/usr/lib").glob("*/SoapySDR/modules*/libHackRFSupport.so"), None)


def need(driver: str) -> None:
    """Skip where a driver is not installed.

    Args:
        driver: hackrf (gr-osmosdr), soapy or uhd.
    """
    if driver in ("hackrf", "osmosdr"):
        if importlib.util.find_spec("osmosdr") is None:
            pytest.skip("no gr-osmosdr: apt install gr-osmosdr")
        return
    if _soapy_module() is None:
        pytest.skip("SoapySDR cannot drive a HackRF: apt install soapysdr-module-hackrf")
    if driver == "uhd" and uhd_module() is None:
        pytest.skip("UHD cannot drive SoapySDR devices: apt install uhd-soapysdr")


class Process:
    """A command on a computer, with its output in files: pipes would fill.

    Args:
        computer: what it runs on.
        folder: for the output.
        argv: arguments of Python.
        env: more of the environment.
    """

    def __init__(self, computer: Computer, folder: Path, *argv: object, **env: str):
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.popen = subprocess.Popen(
                [sys.executable, *map(str, argv)],
                stdout=out, stderr=err, env=os.environ | computer.env | env,
            )  # fmt: skip

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text(errors="replace")

    def wait(self, timeout: float) -> int:
        """Its exit code."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end: {self.err[-2000:]}") from None

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until something has come true while the process runs."""
        end = time.monotonic() + timeout
        while not condition():
            assert self.popen.poll() is None, f"ended early: {self.out}{self.err[-2000:]}"
            assert time.monotonic() < end, f"still not: {self.err[-2000:]}"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    """The folder of the fake libhackrf."""
    return compile_library(tmp_path_factory.mktemp("libhackrf"))


@pytest.fixture
def air(library, tmp_path) -> Iterator[Callable[..., Air]]:
    """Makes the air: `air(loss=dB, speed=...)`."""
    folder = tmp_path / "air"

    def make(loss: float = 30, speed: float = 1) -> Air:
        folder.mkdir()
        settings = {"FAKE_HACKRF_LOSS": str(loss), "FAKE_HACKRF_SPEED": str(speed)}
        return Air(folder, library, settings)

    yield make
    # The samples: pytest keeps the folders of its last runs.
    (folder / "air").unlink(missing_ok=True)


@pytest.fixture
def launch(tmp_path) -> Iterator[Callable[..., Process]]:
    """Starts processes, `launch(computer, *argv)`, and ends those that still run after the test."""
    started = []

    def start(computer: Computer, *argv: object, **env: str) -> Process:
        folder = tmp_path / f"process{len(started)}"
        folder.mkdir()
        started.append(Process(computer, folder, *argv, **env))
        return started[-1]

    yield start
    for process in started:
        process.popen.kill()
        process.popen.wait()
