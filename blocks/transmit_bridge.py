# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio blocks: samples from a transmitter to a radio that runs in a graph of its own."""

import logging
import time

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.channel.impairments import saturate
from percast.blocks.guard import IDLE_WAIT, Guarded, guarded
from percast.blocks.pdu import PACKET_LEN
from percast.blocks.queues.sample_queue import SampleQueue

log = logging.getLogger(__name__)

_PUT_WAIT = 0.02  # seconds
_ZEROS = 4096  # samples of silence put in at once: no packet waits longer than they last


class PacketOutlet(Guarded, gr.sync_block):
    """The transmitter's end: puts whole packets into the queue, and waits while it is full. Warns
    of the first one that a converter clips.

    Args:
        queue: to the radio.
        keep_silence: pass on the samples outside packets; a radio that takes bursts must not get
            them.
    """

    def __init__(self, queue: SampleQueue, keep_silence: bool):
        gr.sync_block.__init__(self, "percast packet outlet", [np.complex64], None)
        self.queue, self.keep_silence = queue, keep_silence
        self._parts: list[np.ndarray] = []
        self._missing = 0  # samples of the packet that have not come yet
        self._aborted = self._warned = False

    def abort(self) -> None:
        """Throw away what comes."""
        self._aborted = True

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        samples = input_items[0]
        if self._aborted:
            return len(samples)
        first = self.nitems_read(0)
        tags = self.get_tags_in_range(0, first, first + len(samples), PACKET_LEN)
        starts = {tag.offset - first: pmt.to_long(tag.value) for tag in tags}
        done = 0
        while done < len(samples):
            part = self._next_part(samples, done, starts)
            if not self._hand_over(part):
                break  # it stays in GNU Radio's buffer, or this would not be called again
            done += len(part)
        return done

    def _next_part(self, samples: np.ndarray, start: int, packets: dict[int, int]) -> np.ndarray:
        """What is of one packet, or outside packets; `packets` has lengths by first samples."""
        if self._missing == 0:
            self._missing = packets.get(start, 0)
        if self._missing:
            return samples[start : start + self._missing]
        return samples[start : min((p for p in packets if p > start), default=len(samples))]

    def _hand_over(self, part: np.ndarray) -> bool:
        """False when the queue is full."""
        if self._missing == 0:
            return not self.keep_silence or self.queue.put(part.copy(), _PUT_WAIT)
        if len(part) == self._missing:
            packet = np.concatenate([*self._parts, part])
            if not self.queue.put(packet, _PUT_WAIT):
                return False
            self._parts = []
            self._check_level(packet)
        else:
            self._parts.append(part.copy())
        self._missing -= len(part)
        return True

    def _check_level(self, packet: np.ndarray) -> None:
        if self._warned:
            return
        if clipped := saturate(packet)[1]:
            self._warned = True
            log.warning(
                "%.2g%% of a packet's values lie beyond full scale and disturb the neighbouring "
                "channels: lower --tx-level and raise --gain",
                100 * clipped,
            )


class PacketFeeder(Guarded, gr.sync_block):
    """The radio's end: plays packets as they come.

    Args:
        queue: from the transmitter.
        bursts: tag each packet with its length and give nothing in between, as USRPs want it;
            else fill up with zeros, for a radio that must have samples all the time.
    """

    def __init__(self, queue: SampleQueue, bursts: bool):
        gr.sync_block.__init__(self, "percast packet feeder", None, [np.complex64])
        self.queue, self.bursts = queue, bursts
        self._left = np.zeros(0, np.complex64)
        self.set_min_output_buffer(1 << 15)

    def idle(self) -> bool:
        """Nothing waits to be sent."""
        return self.queue.waiting == 0 and len(self._left) == 0

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        out = output_items[0]
        filled = 0
        while filled < len(out) and self._fetch(self.nitems_written(0) + filled):
            part = self._left[: len(out) - filled]
            out[filled : filled + len(part)] = part
            filled += len(part)
            self._left = self._left[len(part) :]
        if filled:
            return filled
        if self.bursts:
            time.sleep(IDLE_WAIT)
            return 0
        count = min(len(out), _ZEROS)
        out[:count] = 0
        return count

    def _fetch(self, position: int) -> bool:
        """Whether there is something to send; a new packet starts at this position."""
        if len(self._left):
            return True
        packet = self.queue.take()
        if packet is None:
            return False
        self._left = packet
        if self.bursts:
            self.add_item_tag(0, position, PACKET_LEN, pmt.from_long(len(packet)))
        return True


class AsyncMessages(Guarded, gr.basic_block):
    """Counts what a USRP reports beside the stream.

    Message input `events`, of gr-uhd's port `async_msgs`.
    """

    def __init__(self):
        gr.basic_block.__init__(self, "percast async messages", None, None)
        self.underruns = self.late = self.sequence_errors = 0
        self.message_port_register_in(pmt.intern("events"))
        self.set_msg_handler(pmt.intern("events"), self._take)

    @guarded()
    def _take(self, message) -> None:
        codes = pmt.dict_ref(pmt.cdr(message), pmt.intern("event_code"), pmt.PMT_NIL)
        names = {pmt.symbol_to_string(pmt.nth(i, codes)) for i in range(pmt.length(codes))}
        self.underruns += bool(names & {"underflow", "underflow_in_packet"})
        self.late += "time_error" in names
        self.sequence_errors += bool(names & {"seq_error", "seq_error_in_burst"})
