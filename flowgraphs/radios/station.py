# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio in a flowgraph of its own: watched, tuned while it runs, opened again when it is lost.

A driver whose radio was unplugged may wait for ever inside `work()`. Nothing of the transmitter
or receiver is in that graph; it can be left behind.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from percast.blocks.queues.sample_queue import SampleQueue
from percast.blocks.stats.level_meter import LevelMeter
from percast.errors import DeviceError, one_line
from percast.flowgraphs.radios.advice import Adviser
from percast.flowgraphs.radios.chatter import Chatter
from percast.flowgraphs.radios.config import Gain, Radio, RadioConfig
from percast.flowgraphs.radios.session import COUNTS, Session

log = logging.getLogger(__name__)

_POLL = 0.1  # seconds, as all that follow
_FIRST_SAMPLES = 8.0  # until a radio that was started gives samples, or takes them
_SILENCE = 3.0  # without a sample after which a radio is lost
_RETRY = 2.0  # between attempts to open it again
_STOP = 3.0  # that a graph may take to stop before it is left behind
_SETTLING = 1.0  # at the start, where drivers run empty once

# Graphs that do not stop; never collected, for their destructors would wait for ever.
_left_behind: list[Session] = []

_STILL_ON = (
    "the driver does not let go of the radio, which may still be transmitting: unplug it, unless "
    "it is said below that it has been switched off"
)


class Station:
    """Keeps a radio running.

    Args:
        opener: opens the radio that a config describes.
        config: of the radio.
        transmit: the direction.
        seconds: of samples that the queue to or from the radio holds.
        chatter: what the drivers print, where it is caught.

    Attributes:
        asked, took: settings of the radio by name: what was asked for at first, and what it took.
        gains: gain stages, with the least and the most dB of each.
        on_capture: called with the number of a sample in the queue's stream and the frequency in
            Hz, when about there it is no continuation of the one before: after tuning, when a lost
            radio is back, and where its driver says that it has lost samples. Gaps whose place is
            known are in the queue.

    `error` and `failure` are what `run` looks for: the first stops a transmitter; the second is
    told when a receiver has decoded what came before the radio was lost.

    Raises:
        PercastError: what `opener` raises.
    """

    def __init__(
        self,
        opener: Callable[[RadioConfig], Radio],
        config: RadioConfig,
        transmit: bool,
        seconds: float,
        chatter: Chatter | None = None,
    ):
        self.config, self.asked, self.transmit = config, config.asked(), transmit
        self.error: Exception | None = None
        self.failure: Exception | None = None
        self.hanging = False  # a driver that does not stop was left behind
        self.watchman = None  # of its board
        self.reconnected = 0
        self.meter = LevelMeter()
        self.on_capture: Callable[[int, float], None] = lambda start, freq: None
        self._opener, self._chatter = opener, chatter
        self._adviser = Adviser(config.agc)
        self._counts = dict.fromkeys(COUNTS, 0)  # of sessions that are over
        self._marked = 0  # overruns that drivers have told of
        self._lock = threading.Lock()  # over the session
        self._tuning = threading.Lock()  # held while a driver is asked to tune, which may hang
        self._stopping = threading.Event()
        radio = opener(config)
        rate = radio.took.get("samp_rate") or config.samp_rate
        self.queue = SampleQueue(int(seconds * rate))
        self.took, self.gains = radio.took, radio.gains()
        self.bursts, self.latency = radio.bursts, radio.latency
        self._session: Session | None = self._connect(radio)
        self._thread = threading.Thread(target=self._watch, name="percast station", daemon=True)

    def start(self) -> None:
        """Let the radio run.

        Raises:
            DeviceError: it cannot.
        """
        try:
            self._session.start()
        except RuntimeError as error:
            raise DeviceError(f"the radio cannot be started: {error}") from error
        self._thread.start()

    def stop(self) -> None:
        """Release the radio; the receiver's queue ends."""
        self._stopping.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_STOP + _RETRY)
        self._close()
        if not self.transmit:
            self.queue.end()

    def idle(self) -> bool:
        """Nothing waits to be sent, but for what the radio's own buffers hold."""
        with self._lock:
            session = self._session
            # A packet that was half sent is lost with the radio; the rest waits for its return.
            return session.end.idle() if session else self.queue.waiting == 0

    def flow(self) -> int | None:
        """Grows while samples go through the radio; None where they need not, or there is none."""
        session = self._session
        return None if session is None or session.at_rest() else session.flow()

    @property
    def lost(self) -> bool:
        """There is no radio at the moment."""
        return self._session is None

    def tune(self, freq: float | None = None, gain: Gain | None = None) -> dict:
        """Change the radio while it runs; gives what it took. A gain ends the radio's own gain
        control.

        Raises:
            UsageError: a gain or frequency that the radio does not have.
            DeviceError: there is no radio now, or it refuses.
        """
        with self._tuning:
            session = self._session
            if session is None or session.radio.tune is None:
                raise DeviceError("there is no radio to tune at the moment")
            session.tunings += freq is not None
            try:
                took = session.radio.tune(freq, gain)
            except (RuntimeError, ValueError, IndexError) as error:
                raise DeviceError(f"the radio refuses: {one_line(error)}") from error
            # For the next opening.
            self.config = replace(
                self.config,
                freq=self.config.freq if freq is None else freq,
                gain=took.get("gain", self.config.gain),
                agc=self.config.agc and gain is None,
            )
            self._adviser.agc = self.config.agc
            self.took = {**self.took, **took}
            if freq is not None:
                self._mark()
            return took

    def counts(self) -> dict[str, int]:
        """overruns, underruns, late and sequence_errors so far."""
        with self._lock:
            now = self._session.counts() if self._session else {}
            return {name: self._counts[name] + now.get(name, 0) for name in self._counts}

    # The rest runs in the watching thread, but for what __init__ and stop() call.

    def _connect(self, radio: Radio) -> Session:
        return Session(radio, self.queue, self.meter, self.transmit, self._chatter)

    def _watch(self) -> None:
        started = last_move = time.monotonic()
        flow = None
        while not self._stopping.wait(_POLL):
            session, now = self._session, time.monotonic()
            moved = session.flow()
            if moved != flow or session.at_rest():
                last_move, flow = now, moved
            if now - started < _SETTLING:
                session.settle()
                self._marked = session.told()["overruns"]
            self._adviser.tell_counts(self.counts(), now)
            if not self.transmit:
                self._adviser.tell_level(self.meter, now)
                self._mark_gap(session.told()["overruns"])
            if session.error is not None:
                self.error = session.error  # no fault of the radio
                return
            if now - last_move < (_SILENCE if flow else _FIRST_SAMPLES):
                continue
            del session  # or the driver keeps the radio that is to be opened again
            if not self._recover():
                return
            started = last_move = time.monotonic()
            flow = None

    def _recover(self) -> bool:
        """The radio is lost: open it again where that is wanted; False when it is over."""
        lost = f"the radio {'takes' if self.transmit else 'gives'} no samples any more"
        lost += self._last_words()
        self._close()
        if not self.config.reconnect:
            return self._give_up(f"{lost}: plug it in again; --reconnect would have waited for it")
        if self.hanging:
            return self._give_up(f"{lost}, and its driver does not let go of it: start again")
        log.warning("%s; trying again every %g s", lost, _RETRY)
        while not self._stopping.wait(_RETRY):
            if self._reopen():
                log.warning("the radio is back")
                return True
        return False

    def _give_up(self, reason: str) -> bool:
        error = DeviceError(reason)
        if self.transmit:
            self.error = error
        else:
            self.failure = error
            self.queue.end()
        return False

    def _reopen(self) -> bool:
        try:
            radio = self._opener(self.config)
            session = self._connect(radio)
            self.took = radio.took
            self._mark()
            session.start()
        except Exception as error:  # noqa: BLE001 - it may come yet
            log.info("not yet: %s", error)
            return False
        with self._lock:
            self._session = session
        self.reconnected += 1
        if self._stopping.is_set():  # stop() did not wait for a driver that took its time
            self._close()
        return True

    def _last_words(self) -> str:
        words = self._chatter.last if self._chatter else ""
        return f" (its driver: {words[:120]})" if words else ""

    def _close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
            if session is None:
                return
            for name, count in session.counts().items():
                self._counts[name] += count
        # A transmitter's driver first sends what it has.
        limit = 2 * _STOP + session.radio.latency if self.transmit else _STOP
        with session.radio.stopping():
            stopped = session.stop(limit)
        if stopped and self._tuning.acquire(timeout=_STOP):
            session.radio.close()
            self._tuning.release()
        else:
            self.hanging, self.watchman = True, session.radio.watchman
            _left_behind.append(session)
            if self.transmit:
                log.warning(_STILL_ON)
            if self._chatter:
                self._chatter.stays = True

    def _mark_gap(self, overruns: int) -> None:
        """Mark about where a driver has lost samples."""
        if overruns > self._marked:
            self._marked = overruns
            self._mark()

    def _mark(self) -> None:
        self.on_capture(self.queue.total, self.took["freq"])
