# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio that is lost, comes back, hangs, clips: with blocks of GNU Radio in its place."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from gnuradio import gr

from percast.errors import DeviceError
from percast.flowgraphs.radios import advice
from percast.flowgraphs.radios import station as module
from percast.flowgraphs.radios.config import Radio, RadioConfig, check_flags
from percast.flowgraphs.radios.station import Station
from percast.flowgraphs.stats import radio_stats

RATE = 1e6
HANGS = 999.0  # Hz, to which a board never finishes tuning
CONFIG = RadioConfig("soapy", "driver=test", RATE, freq=1e9)


class Board(gr.sync_block):
    """In place of a driver's block: samples at the rate of the clock while `plugged`; afterwards
    none, or it waits inside work()."""

    def __init__(self, transmit: bool, level: float = 0.1):
        signature = ([np.complex64], None) if transmit else (None, [np.complex64])
        gr.sync_block.__init__(self, "board", *signature)
        self.plugged, self.hangs, self.level = True, False, level
        self.released = threading.Event()
        self.settings = {}

    def work(self, input_items, output_items) -> int:
        if not self.plugged and self.hangs:
            self.released.wait()
        time.sleep(0.005)
        if not self.plugged:
            return 0
        if input_items:
            return len(input_items[0])
        count = min(len(output_items[0]), int(0.01 * RATE))
        output_items[0][:count] = self.level
        return count

    def tune(self, freq, gain) -> dict:
        if freq == 666:
            raise RuntimeError("no such\nfrequency")
        self.settings |= {"freq": freq, "gain": gain}
        if freq == HANGS:
            self.released.wait()
        return {"freq": freq}


class Shop:
    """Opens boards; none while `sold_out`."""

    def __init__(self, transmit: bool, **board):
        self.transmit, self.board = transmit, board
        self.boards: list[Board] = []
        self.configs: list[RadioConfig] = []
        self.sold_out = False

    def open(self, config: RadioConfig) -> Radio:
        if self.sold_out:
            raise DeviceError("no radio found")
        self.configs.append(config)
        self.boards.append(Board(self.transmit, **self.board))
        took = {"driver": "test", "samp_rate": RATE, "freq": config.freq}
        return Radio(self.boards[-1], took, live=True, tune=self.boards[-1].tune)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    for name, seconds in {"_SILENCE": 0.5, "_FIRST_SAMPLES": 1.0, "_RETRY": 0.2, "_STOP": 1.0,
                          "_SETTLING": 0.1}.items():  # fmt: skip
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr(advice, "_SAY", 0.2)


def wait_until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize("transmit", [False, True])
def test_a_radio_that_is_unplugged_ends_in_a_device_error(transmit):
    shop = Shop(transmit)
    station = Station(shop.open, CONFIG, transmit, seconds=0.1)
    station.start()
    time.sleep(0.7)
    assert station.error is None and station.failure is None
    shop.boards[0].plugged = False
    # A receiver first decodes what has come, so its error is told later.
    wait_until(lambda: station.error if transmit else station.failure)
    error = station.error or station.failure
    assert isinstance(error, DeviceError) and "plug it in" in str(error)
    assert "--reconnect" in str(error) and not station.hanging
    assert station.queue.ended is not transmit
    station.stop()


def test_a_driver_that_hangs_is_left_behind():
    shop = Shop(transmit=False)
    station = Station(shop.open, CONFIG, False, seconds=0.1)
    station.start()
    time.sleep(0.3)
    shop.boards[0].hangs = True
    shop.boards[0].plugged = False
    wait_until(lambda: station.failure)
    assert station.hanging and station.queue.ended
    start = time.monotonic()
    station.stop()
    assert time.monotonic() - start < 1
    shop.boards[0].released.set()
    module._left_behind.clear()


def test_a_driver_that_hangs_while_it_is_tuned_does_not_hang_the_rest():
    shop = Shop(transmit=False)
    station = Station(shop.open, CONFIG, False, seconds=0.1)
    station.start()
    board = shop.boards[0]
    threading.Thread(target=station.tune, args=(HANGS,), daemon=True).start()
    wait_until(lambda: board.settings.get("freq") == HANGS)
    told = radio_stats(station)
    assert told.level.loudest_dbfs is None and told.overruns == told.reconnected == 0
    board.plugged = False
    wait_until(lambda: station.failure)
    assert station.hanging
    start = time.monotonic()
    station.stop()
    assert time.monotonic() - start < 1
    board.released.set()
    module._left_behind.clear()


@pytest.mark.parametrize("transmit", [False, True])
def test_a_radio_that_comes_back_is_opened_as_it_was_tuned_last(transmit, caplog):
    shop = Shop(transmit)
    config = RadioConfig("soapy", "driver=test", RATE, freq=1e9, reconnect=True)
    station = Station(shop.open, config, transmit, seconds=0.1)
    station.start()
    station.tune(freq=2e9)
    time.sleep(0.3)
    shop.sold_out, shop.boards[0].plugged = True, False
    wait_until(lambda: station._session is None)
    with pytest.raises(DeviceError):
        station.tune(freq=3e9)
    time.sleep(0.5)
    shop.sold_out = False
    wait_until(lambda: station.reconnected == 1)
    assert shop.configs[-1].freq == 2e9
    wait_until(lambda: station._session.flow() > 0)
    station.stop()
    assert station.error is None and station.failure is None
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert sum("trying again" in text for text in said) == 1
    assert sum("is back" in text for text in said) == 1


def test_a_gain_that_was_tuned_ends_the_gain_control_for_the_next_opening_too():
    shop = Shop(transmit=False)
    station = Station(shop.open, replace(CONFIG, agc=True), False, seconds=0.1)
    station.tune(freq=2e9)
    assert station.config.agc
    gains = {"TUNER": 30.0}
    station._session.radio = replace(station._session.radio, tune=lambda f, g: {"gain": gains})
    station.tune(gain=30.0)
    assert station.took["gain"] == station.config.gain == gains
    check_flags(station.config, transmit=False)
    assert not station._adviser.agc
    station.stop()


def test_packets_that_wait_for_a_lost_radio_are_not_taken_for_sent():
    shop = Shop(transmit=True)
    config = RadioConfig("soapy", "driver=test", RATE, freq=1e9, reconnect=True)
    station = Station(shop.open, config, True, seconds=0.1)
    station.start()
    shop.sold_out, shop.boards[0].plugged = True, False
    wait_until(lambda: station._session is None)
    assert station.idle()
    station.queue.put(np.ones(1000, np.complex64))
    assert not station.idle()
    shop.sold_out = False
    wait_until(station.idle)
    assert station.reconnected == 1
    station.stop()


def test_a_radio_that_never_gives_a_sample_is_lost_too():
    shop = Shop(transmit=False)
    station = Station(shop.open, CONFIG, False, seconds=0.1)
    shop.boards[0].plugged = False
    station.start()
    wait_until(lambda: station.failure)
    station.stop()


def test_a_refusal_to_tune_does_not_disturb_the_stream():
    shop = Shop(transmit=False)
    station = Station(shop.open, CONFIG, False, seconds=0.1)
    station.start()
    with pytest.raises(DeviceError, match="no such frequency"):
        station.tune(freq=666)
    assert station.tune(freq=5e8, gain=3) == {"freq": 5e8}
    assert shop.boards[0].settings == {"freq": 5e8, "gain": 3}
    before = station._session.flow()
    wait_until(lambda: station._session.flow() > before)
    station.stop()


def test_clipping_and_overruns_are_told_once_with_a_remedy(caplog):
    shop = Shop(transmit=False, level=1.0)
    station = Station(shop.open, CONFIG, False, seconds=0.3)
    station.start()
    time.sleep(1.5)  # nobody takes the samples
    station.stop()
    said = [record.message for record in caplog.records]
    assert any("clip" in text and "--gain" in text for text in said)
    (overrun,) = [text for text in said if "overruns" in text]
    assert overrun.startswith("1 overruns: ") and "--samp-rate" in overrun
    assert station.counts()["overruns"] == 1


def test_gain_control_leaves_an_attenuator_as_the_only_remedy_of_clipping(caplog):
    shop = Shop(transmit=False, level=1.0)
    station = Station(shop.open, replace(CONFIG, gain=None, agc=True), False, seconds=0.3)
    station.start()
    wait_until(lambda: any("clip" in record.message for record in caplog.records))
    station.stop()
    assert not any("--gain" in record.message for record in caplog.records)


def test_samples_that_do_not_follow_on_are_told_with_their_number():
    """After tuning, when samples come again that had been lost, and when a lost radio is back."""
    shop = Shop(transmit=False)
    config = RadioConfig("soapy", "driver=test", RATE, freq=1e9, reconnect=True)
    station = Station(shop.open, config, False, seconds=0.1)
    captures = []
    station.on_capture = lambda start, freq: captures.append((start, freq))
    station.start()
    wait_until(lambda: station.queue.total)
    time.sleep(0.3)
    lost = station.queue.total  # the queue is full, and nobody takes anything
    gaps = {}  # by the number of the sample after it

    def take() -> bool:
        while (item := station.queue.take_with_gap()) is not None:
            if item[1] is not None:
                gaps[take.taken] = item[1]
            take.taken += len(item[0])
        return len(gaps) > 1

    take.taken = 0
    wait_until(take)
    assert list(gaps) == [0, lost]
    assert abs(gaps[lost] - time.time()) < 5
    assert captures == []  # what a recording needs of it comes with the samples
    before = station.queue.total
    station.tune(freq=2e9)
    assert before <= captures[0][0] <= station.queue.total and captures.pop(0)[1] == 2e9
    shop.boards[0].plugged = False
    wait_until(lambda: station.reconnected == 1)
    assert captures[-1][1] == 2e9
    wait_until(lambda: take() and captures[-1][0] in gaps)
    station.stop()


def test_an_overrun_that_only_the_driver_tells_of_is_marked_about_where_it_was(monkeypatch):
    """And breaks no packet off: where it was, nobody knows."""
    monkeypatch.setattr(module, "_SETTLING", 0.5)
    told = {"overruns": 0, "underruns": 0, "late": 0, "sequence_errors": 0}
    chatter = SimpleNamespace(counts=lambda driver: dict(told), last="", stays=False)
    station = Station(Shop(transmit=False).open, CONFIG, False, 10.0, chatter)
    captures = []
    station.on_capture = lambda start, freq: captures.append((start, freq))
    told["overruns"] = 2  # while it starts, drivers run empty once
    station.start()
    time.sleep(0.7)
    before = [*captures]
    told["overruns"] = 3
    wait_until(lambda: captures)
    station.stop()
    assert before == [] and 0 < captures[0][0] <= station.queue.total and captures[0][1] == 1e9
    gaps = 0
    while (item := station.queue.take_with_gap()) is not None:
        gaps += item[1] is not None
    assert gaps == 1 and len(captures) == 1  # the first sample of all follows on none


def test_a_bug_of_ours_is_not_taken_for_a_lost_radio():
    shop = Shop(transmit=False)
    station = Station(shop.open, CONFIG, False, seconds=0.1)
    station.start()
    station._session.end.fail(ZeroDivisionError("bug"))
    wait_until(lambda: station.error)
    assert isinstance(station.error, ZeroDivisionError)
    station.stop()


def test_a_radio_that_opens_after_the_end_is_released():
    shop = Shop(transmit=False)
    config = RadioConfig("soapy", "driver=test", RATE, freq=1e9, reconnect=True)
    station = Station(shop.open, config, False, seconds=0.1)
    station.start()
    station._stopping.set()
    station._thread.join()
    station._close()
    assert station._reopen()
    assert station._session is None
