# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio from one opening to its loss: its flowgraph, and what goes wrong in it."""

import threading

from gnuradio import gr

from percast.blocks.queues.sample_queue import SampleQueue
from percast.blocks.receive_bridge import SampleTap
from percast.blocks.stats.level_meter import LevelMeter
from percast.blocks.transmit_bridge import AsyncMessages, PacketFeeder
from percast.flowgraphs.radios.chatter import Chatter
from percast.flowgraphs.radios.config import Radio

COUNTS = ("overruns", "underruns", "late", "sequence_errors")


class _RadioGraph(gr.top_block):
    def __init__(self, radio: Radio, end, messages):
        # Drivers throw when a radio is unplugged; the watch over the samples notices.
        gr.top_block.__init__(self, "percast radio", catch_exceptions=True)
        self.radio, self.end, self.messages = radio, end, messages
        if isinstance(end, SampleTap):
            self.connect(radio.block, end)
        else:
            self.connect(end, radio.block)
        if messages is not None:
            self.msg_connect(radio.block, "async_msgs", messages, "events")


class Session:
    """Connects an open radio with the queue to or from it.

    Args:
        radio: open.
        queue: of what is to be sent, or is received.
        meter: sees every sample that is received.
        transmit: the direction.
        chatter: what the drivers print, where it is caught.

    Attributes:
        end: our block beside the radio's.
        tunings: how often the radio was tuned: each gives a time tag, which is no overrun.
    """

    def __init__(
        self,
        radio: Radio,
        queue: SampleQueue,
        meter: LevelMeter,
        transmit: bool,
        chatter: Chatter | None,
    ):
        self.radio, self.tunings = radio, 0
        self.end = PacketFeeder(queue, radio.bursts) if transmit else SampleTap(queue, meter)
        self._messages = AsyncMessages() if radio.events else None
        self._transmit, self._chatter = transmit, chatter
        self._graph = _RadioGraph(radio, self.end, self._messages)
        self._before = self._raw_counts()  # of earlier sessions, or of the start of this one

    def start(self) -> None:
        """Let the radio run.

        Raises:
            RuntimeError: it cannot.
        """
        self._graph.start()

    def stop(self, timeout: float) -> bool:
        """Stop the graph; False when it has not stopped after so many seconds."""

        def stop(graph: gr.top_block) -> None:
            graph.stop()
            graph.wait()

        args = (self._graph,)
        thread = threading.Thread(target=stop, args=args, name="percast stop", daemon=True)
        thread.start()
        thread.join(timeout)
        return not thread.is_alive()

    @property
    def error(self) -> Exception | None:
        """A bug in our own blocks."""
        blocks = (self.end, self._messages)
        return next((block.error for block in blocks if block and block.error), None)

    def flow(self) -> int:
        """Grows while samples go through the radio; 0 before the first."""
        if not self._transmit:
            return self.end.nitems_read(0)
        if self.radio.bursts:
            return self.radio.block.nitems_read(0)
        return self.end.nitems_written(0)

    def at_rest(self) -> bool:
        """No samples need go through the radio: it takes bursts, and there is none."""
        return self.radio.bursts and self.end.idle()

    def settle(self) -> None:
        """Count from here on only."""
        self._before = self._raw_counts()

    def counts(self) -> dict[str, int]:
        """How often each of `COUNTS` happened."""
        counts = self._raw_counts()
        return {name: max(0, count - self._before[name]) for name, count in counts.items()}

    def told(self) -> dict[str, int]:
        """What the driver has printed of these so far, in this session and before: of an overrun
        nobody knows where it was."""
        driver = self.radio.took.get("driver", "")
        if driver == "gr-uhd" or not self._chatter:  # that one has better ways to tell
            return dict.fromkeys(COUNTS, 0)
        return self._chatter.counts(driver)

    def _raw_counts(self) -> dict[str, int]:
        end, counts = self.end, dict.fromkeys(COUNTS, 0) | self.told()
        if isinstance(end, SampleTap):
            counts["overruns"] += end.overruns + max(0, end.time_tags - self.tunings)
        if self._messages is not None:
            for name in ("underruns", "late", "sequence_errors"):
                counts[name] += getattr(self._messages, name)
        return counts
