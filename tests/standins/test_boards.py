# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake boards themselves: real drivers on them send and hear what physics says they should."""

import ctypes
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.standins.boards import HERE, need, serial_number

RATE, FREQ, TONE = 2e6, 2.4e9, 100e3
SAMPLES = 1_000_000
DRIVERS = ("hackrf", "soapy", "uhd")
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
TRUE, STOPPED, USB, BUSY = 1, -1003, -1000, -6


def measure_tone(x: np.ndarray) -> tuple[float, float, float]:
    """Frequency in Hz and level in dBFS of the strongest tone, and the level of all else."""
    n = np.arange(len(x))
    x = x - x.mean()
    coarse = np.fft.fftfreq(len(x))[np.argmax(np.abs(np.fft.fft(x * np.hanning(len(x)))))]
    phase = np.unwrap(np.angle(x * np.exp(-2j * np.pi * coarse * n)))
    freq = coarse + np.polyfit(n, phase, 1)[0] / (2 * np.pi)
    tone = np.exp(2j * np.pi * freq * n)
    gain = np.vdot(tone, x) / len(x)
    rest = np.mean(np.abs(x - gain * tone) ** 2)
    return freq * RATE, 20 * np.log10(abs(gain)), 10 * np.log10(rest)


def hear(launch, computer, driver: str, path: Path, freq: float = FREQ) -> np.ndarray:
    process = launch(computer, HERE / "tone.py", "hear", driver, RATE, freq, path, 32, SAMPLES)
    assert process.wait(60) == 0, process.err
    return np.fromfile(path, np.complex64)


def send(launch, computer, driver: str):
    return launch(computer, HERE / "tone.py", "send", driver, RATE, FREQ, TONE, 30)


def wait_on_air(process, air) -> None:
    process.wait_until(lambda: (air.folder / "air").exists(), 30)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_tone_arrives_at_the_right_frequency_and_level(driver, air, launch, tmp_path):
    """Clocks 20 ppm apart shift the carrier by 48 kHz and stretch the samples; -6 dBFS leave with
    -47 + 30 dBm, lose 30 dB and gain 32. No sample is lost: the tone's phase runs on."""
    need(driver)
    air = air(loss=30)
    left, right = air.computer("left"), air.computer("right")
    left.plug("a", ppm=10)
    right.plug("b", ppm=-10)
    wait_on_air(send(launch, left, driver), air)
    # UHD over SoapyHackRF, starved by a busy machine, may hand on a buffer that nothing was written
    # to: exact zeros, where the air leaves DC and noise.
    for _ in range(5):
        x = hear(launch, right, driver, tmp_path / "x")[-500_000:]
        if x.all():
            break
    freq, level, rest = measure_tone(x)
    shift = FREQ * 20e-6
    assert freq == pytest.approx((TONE * (1 + 10e-6) + shift) / (1 - 10e-6), abs=0.05)
    assert level == pytest.approx(-6 - 47 + 30 - 30 + 32, abs=0.2)
    assert rest == pytest.approx(-49.5, abs=1)  # two 8-bit quantisers and a little thermal noise
    assert x.mean() == pytest.approx(0.02 - 0.02j, abs=0.005)


def test_boards_tuned_far_apart_hear_only_noise(air, launch, tmp_path):
    need("hackrf")
    air = air()
    left, right = air.computer("left"), air.computer("right")
    left.plug("a")
    right.plug("b", noise_figure=40, dc=0)
    wait_on_air(send(launch, left, "hackrf"), air)
    x = hear(launch, right, "hackrf", tmp_path / "x", freq=FREQ + 5e6)
    noise = 10 ** ((-174 + 10 * np.log10(RATE) + 40 + 32) / 10) + 1 / (6 * 128**2)
    assert np.mean(np.abs(x) ** 2) == pytest.approx(noise, rel=0.03)
    assert np.abs(np.fft.fft(x[-65536:])).max() < 6 * np.sqrt(65536 * noise)


def test_a_receiver_hears_a_transmitter_that_was_killed_and_came_back(air, launch, tmp_path):
    need("soapy")
    air = air()
    left, right = air.computer("left"), air.computer("right")
    left.plug("a")
    right.plug("b")
    first = send(launch, left, "soapy")
    wait_on_air(first, air)
    first.popen.kill()
    first.popen.wait()
    silent = hear(launch, right, "soapy", tmp_path / "silent")[-200_000:]
    second = send(launch, left, "soapy")
    second.wait_until(lambda: "Opening" in second.err, 30)
    time.sleep(1)
    x = hear(launch, right, "soapy", tmp_path / "x")[-200_000:]
    assert np.abs(silent - silent.mean()).max() < 0.05
    freq, level, _ = measure_tone(x)
    assert freq == pytest.approx(TONE, abs=0.5) and level == pytest.approx(-21, abs=0.2)


@pytest.mark.parametrize(
    ("driver", "complaint"),
    [
        ("hackrf", "Failed to use '0' as HackRF device index"),
        ("soapy", "no hackrf device matches|no match"),
        ("uhd", "LookupError: KeyError: No devices found"),
    ],
)
def test_without_a_board_each_driver_says_so(driver, complaint, air, launch, tmp_path):
    need(driver)
    process = launch(air().computer("bare"), HERE / "tone.py", "hear", driver, RATE, FREQ,
                     tmp_path / "x", 32, SAMPLES)  # fmt: skip
    assert process.wait(30) != 0
    assert re.search(complaint, process.err), process.err


def test_a_board_in_use_is_busy(air, launch, tmp_path):
    need("hackrf")
    air = air()
    computer = air.computer("one")
    computer.plug("a")
    wait_on_air(send(launch, computer, "hackrf"), air)
    process = launch(computer, HERE / "tone.py", "hear", "hackrf", RATE, FREQ, tmp_path / "x", 32,
                     SAMPLES)  # fmt: skip
    assert process.wait(30) != 0
    assert "Resource busy" in process.err


@pytest.fixture
def board(air, library, monkeypatch):
    """The library, loaded here, and a computer with its board open."""
    computer = air().computer("here")
    computer.plug("a")
    for name, value in computer.env.items():
        monkeypatch.setenv(name, value)
    hackrf = ctypes.CDLL(str(library / "libhackrf.so.0"))
    device = ctypes.c_void_p()
    assert hackrf.hackrf_open_by_serial(serial_number("a")[-6:].encode(), ctypes.byref(device)) == 0
    assert hackrf.hackrf_set_sample_rate(device, ctypes.c_double(RATE)) == 0
    yield hackrf, computer, device
    hackrf.hackrf_close(device)


def test_after_unplugging_nothing_comes_and_commands_fail(board):
    hackrf, computer, device = board
    calls = []
    callback = CALLBACK(lambda transfer: calls.append(transfer) or 0)
    assert hackrf.hackrf_start_rx(device, callback, None) == 0
    assert hackrf.hackrf_is_streaming(device) == TRUE
    wait_for(lambda: len(calls) > 2)
    computer.unplug("a")
    wait_for(lambda: hackrf.hackrf_is_streaming(device) == STOPPED)
    seen = len(calls)
    time.sleep(0.3)
    assert len(calls) == seen
    assert hackrf.hackrf_set_lna_gain(device, 16) == USB
    assert hackrf.hackrf_stop_rx(device) == USB


def test_a_board_is_half_duplex(board):
    hackrf, _, device = board
    callback = CALLBACK(lambda transfer: 0)
    assert hackrf.hackrf_start_rx(device, callback, None) == 0
    assert hackrf.hackrf_start_tx(device, callback, None) == BUSY
    assert hackrf.hackrf_stop_rx(device) == 0
    assert hackrf.hackrf_start_tx(device, callback, None) == 0
    assert hackrf.hackrf_stop_tx(device) == 0


def test_samples_come_at_the_set_rate(board):
    """131,072 samples every 65.5 ms, and none too soon; a busy machine may hear of some late."""
    hackrf, _, device = board
    times = []
    callback = CALLBACK(lambda transfer: times.append(time.monotonic()) or 0)
    assert hackrf.hackrf_start_rx(device, callback, None) == 0
    wait_for(lambda: len(times) > 20)
    hackrf.hackrf_stop_rx(device)
    period, times = 131072 / RATE, np.array(times[:21])
    late = times - period * np.arange(21)  # against a board that began at 0
    assert late[-5:].min() - late[:5].min() >= -0.5 * period


def test_every_symbol_that_the_drivers_import_is_there(library):
    if (nm := shutil.which("nm")) is None:
        pytest.skip("no nm: apt install binutils")
    drivers = [
        *Path("/usr/lib").glob("*/libgnuradio-osmosdr.so.*"),
        *Path("/usr/lib").glob("*/SoapySDR/modules*/libHackRFSupport.so"),
    ]
    if not drivers:
        pytest.skip("no driver for a HackRF: apt install gr-osmosdr soapysdr-module-hackrf")

    def symbols(path: Path, kind: str) -> set[str]:
        listing = subprocess.run([nm, "-D", path], capture_output=True, text=True, check=True)
        return set(re.findall(rf" {kind} (hackrf_\w+)", listing.stdout))

    offered = symbols(library / "libhackrf.so.0", "T")
    for driver in drivers:
        assert symbols(driver, "U") <= offered


def wait_for(condition, timeout: float = 20) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
