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


@pytest.fixture
def open_station(impatient):
    """Opens stations of a shop; none of their threads is left when the test ends, however it ends:
    one that runs when the interpreter ends would take the whole process with it."""
    opened = []

    def open_station(shop: Shop, seconds: float = 0.1, chatter=None, **config) -> Station:
        config = replace(CONFIG, **config)
        opened.append((shop, Station(shop.open, config, shop.transmit, seconds, chatter)))
        return opened[-1][1]

    yield open_station
    for shop, station in opened:
        for board in shop.boards:
            board.released.set()
        station.stop()
    for thread in threading.enumerate():
        if thread.name == "percast stop":
            thread.join(10)
    module._left_behind.clear()


def wait_until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize("transmit", [False, True])
def test_a_radio_that_is_unplugged_ends_in_a_device_error(open_station, transmit):
    shop = Shop(transmit)
    station = open_station(shop)
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


def test_a_driver_that_hangs_is_left_behind(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop)
    station.start()
    time.sleep(0.3)
    shop.boards[0].hangs = True
    shop.boards[0].plugged = False
    wait_until(lambda: station.failure)
    assert station.hanging and station.queue.ended
    start = time.monotonic()
    station.stop()
    assert time.monotonic() - start < 1


def test_a_driver_that_hangs_while_it_is_tuned_does_not_hang_the_rest(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop)
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


@pytest.mark.parametrize("transmit", [False, True])
def test_a_radio_that_comes_back_is_opened_as_it_was_tuned_last(open_station, transmit, caplog):
    shop = Shop(transmit)
    station = open_station(shop, reconnect=True)
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


def test_a_gain_that_was_tuned_ends_the_gain_control_for_the_next_opening_too(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop, agc=True)
    station.tune(freq=2e9)
    assert station.config.agc
    gains = {"TUNER": 30.0}
    station._session.radio = replace(station._session.radio, tune=lambda f, g: {"gain": gains})
    station.tune(gain=30.0)
    assert station.took["gain"] == station.config.gain == gains
    check_flags(station.config, transmit=False)
    assert not station._adviser.agc


def test_packets_that_wait_for_a_lost_radio_are_not_taken_for_sent(open_station):
    shop = Shop(transmit=True)
    station = open_station(shop, reconnect=True)
    station.start()
    shop.sold_out, shop.boards[0].plugged = True, False
    wait_until(lambda: station._session is None)
    assert station.idle()
    station.queue.put(np.ones(1000, np.complex64))
    assert not station.idle()
    shop.sold_out = False
    wait_until(station.idle)
    assert station.reconnected == 1


def test_a_radio_that_never_gives_a_sample_is_lost_too(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop)
    shop.boards[0].plugged = False
    station.start()
    wait_until(lambda: station.failure)


def test_a_refusal_to_tune_does_not_disturb_the_stream(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop)
    station.start()
    with pytest.raises(DeviceError, match="no such frequency"):
        station.tune(freq=666)
    assert station.tune(freq=5e8, gain=3) == {"freq": 5e8}
    assert shop.boards[0].settings == {"freq": 5e8, "gain": 3}
    before = station._session.flow()
    wait_until(lambda: station._session.flow() > before)


def test_clipping_and_overruns_are_told_once_with_a_remedy(open_station, caplog):
    shop = Shop(transmit=False, level=1.0)
    station = open_station(shop, 0.3)
    station.start()

    def said(word: str) -> list[str]:
        return [record.message for record in caplog.records if word in record.message]

    wait_until(lambda: said("clip") and said("overruns"))  # nobody takes the samples
    time.sleep(0.5)
    station.stop()
    assert all("--gain" in text for text in said("clip"))
    (overrun,) = said("overruns")
    assert overrun.startswith("1 overruns: ") and "--samp-rate" in overrun
    assert station.counts()["overruns"] == 1


def test_gain_control_leaves_an_attenuator_as_the_only_remedy_of_clipping(open_station, caplog):
    shop = Shop(transmit=False, level=1.0)
    station = open_station(shop, 0.3, gain=None, agc=True)
    station.start()
    wait_until(lambda: any("clip" in record.message for record in caplog.records))
    station.stop()
    assert not any("--gain" in record.message for record in caplog.records)


def test_samples_that_do_not_follow_on_are_told_with_their_number(open_station):
    """After tuning, when samples come again that had been lost, and when a lost radio is back."""
    shop = Shop(transmit=False)
    station = open_station(shop, reconnect=True)
    captures = []
    station.on_capture = lambda start, freq: captures.append((start, freq))
    taken = 0

    def next_gap() -> tuple[int, float]:
        """The number of the sample after it, and when that was heard."""
        nonlocal taken
        while True:
            samples, gap = station.queue.take_with_gap(30)
            taken += len(samples)
            if gap is not None:
                return taken - len(samples), gap

    station.start()
    wait_until(lambda: station._session.end.dropped)  # the queue is full: nobody takes anything
    lost = station.queue.total
    assert next_gap()[0] == 0
    number, heard = next_gap()
    assert number == lost and abs(heard - time.time()) < 60
    assert captures == []  # what a recording needs of it comes with the samples
    before = station.queue.total
    station.tune(freq=2e9)
    assert before <= captures[0][0] <= station.queue.total and captures.pop(0)[1] == 2e9
    shop.boards[0].plugged = False
    wait_until(lambda: station.reconnected == 1)
    start, freq = captures[-1]
    assert freq == 2e9
    while (number := next_gap()[0]) < start:
        pass
    assert number == start


def test_an_overrun_that_only_the_driver_tells_of_is_marked_about_where_it_was(
    open_station, monkeypatch
):
    """And breaks no packet off: where it was, nobody knows."""
    monkeypatch.setattr(module, "_SETTLING", 0.5)
    told = {"overruns": 0, "underruns": 0, "late": 0, "sequence_errors": 0}
    chatter = SimpleNamespace(counts=lambda driver: dict(told), last="", stays=False)
    station = open_station(Shop(transmit=False), 10.0, chatter)
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


def test_a_bug_of_ours_is_not_taken_for_a_lost_radio(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop)
    station.start()
    station._session.end.fail(ZeroDivisionError("bug"))
    wait_until(lambda: station.error)
    assert isinstance(station.error, ZeroDivisionError)


def test_a_radio_that_opens_after_the_end_is_released(open_station):
    shop = Shop(transmit=False)
    station = open_station(shop, reconnect=True)
    station.start()
    station._stopping.set()
    station._thread.join()
    station._close()
    assert station._reopen()
    assert station._session is None
