# SPDX-License-Identifier: GPL-3.0-or-later
"""`--qt`: a running link in GNU Radio's own windows.

The taps of the page, into sinks of gr-qtgui in a flowgraph of their own, so that nothing that a
window does reaches the link:

    samples  --> frequency sink, waterfall sink
    packets  --> constellation sinks: of symbols, of channel and SNR over the subcarriers
    pictures --> a plain window

Qt wants the main thread, which waits for the link meanwhile: `Windows.idle` spends that time.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pmt
from gnuradio import gr, pdu

from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.demodulate import Packet
from percast.errors import DeviceError
from percast.flowgraphs.receiver import Receiver
from percast.tools import process
from percast.tools.view.air import SAMPLES, AirTap, over_carriers
from percast.tools.view.hooks import hook, unhook

_POINTS = 1024  # of the constellation
_BINS = 1024
_UPDATE = 0.1  # seconds between two drawings of a sink
_ROW_DB = (-120, 0)
_CURVE_DB = (-20, 40)
_BLACKMAN_HARRIS = 5  # gr::fft::window
_PROBE = "from PyQt5.QtWidgets import QApplication; QApplication([])"
_PROBE_SECONDS = 30.0

_application = None  # Qt's; kept, as all windows are


class _Feed(gr.basic_block):
    """Hands PDUs of complex64 to the sinks, a message output for each."""

    PORTS = ("samples", "symbols", "gain", "snr")

    def __init__(self):
        gr.basic_block.__init__(self, "percast windows' feed", None, None)
        self._ports = {port: pmt.intern(port) for port in self.PORTS}
        for port in self._ports.values():
            self.message_port_register_out(port)

    def send(self, port: str, values: np.ndarray) -> None:
        """Publish complex64 [n]."""
        vector = pmt.init_c32vector(len(values), values.tolist())
        self.message_port_pub(self._ports[port], pmt.cons(pmt.make_dict(), vector))


class _Sinks(gr.top_block):
    """The sinks, each kept: one that Python lets go of is deleted under Qt's hands.

    Args:
        receiver: whose waveform they show.
        qtgui: the module.
    """

    def __init__(self, receiver: Receiver, qtgui):
        gr.top_block.__init__(self, "percast windows", catch_exceptions=False)
        profile = receiver.profile
        self._carriers = profile.occupied
        self.feed = _Feed()
        self.rows = pdu.pdu_to_tagged_stream(gr.types.complex_t, "packet_len")
        self.rows.set_min_output_buffer(4 * SAMPLES)  # a PDU must fit
        self.spectrum = qtgui.freq_sink_c(
            _BINS, _BLACKMAN_HARRIS, 0, profile.samp_rate, "Spectrum", 0, None
        )
        self.waterfall = qtgui.waterfall_sink_c(
            _BINS, _BLACKMAN_HARRIS, 0, profile.samp_rate, "Waterfall", 1, None
        )
        self.constellation = qtgui.const_sink_c(_POINTS, "Constellation", 0, None)
        # Points in a plane, too; a vector sink draws streams only, and no others than dense ones.
        carriers = len(self._carriers)
        self.gain = qtgui.const_sink_c(carriers, "|H|² in dB, over subcarriers", 0, None)
        self.snr = qtgui.const_sink_c(carriers, "SNR in dB, over subcarriers", 0, None)
        self.sinks = (self.spectrum, self.gain, self.constellation, self.waterfall, self.snr)
        for sink in self.sinks:
            sink.set_update_time(_UPDATE)
        self.spectrum.disable_legend()
        self.spectrum.set_y_axis(*_ROW_DB)
        self.waterfall.set_intensity_range(*_ROW_DB)
        for sink, x, y in (
            (self.constellation, (-2, 2), (-2, 2)),
            (self.gain, (self._carriers[0], self._carriers[-1]), _CURVE_DB),
            (self.snr, (self._carriers[0], self._carriers[-1]), _CURVE_DB),
        ):
            sink.set_x_axis(*map(float, x))
            sink.set_y_axis(*y)
            sink.disable_legend()
        for port, sink in (
            ("samples", self.spectrum),
            ("symbols", self.constellation),
            ("gain", self.gain),
            ("snr", self.snr),
        ):
            self.msg_connect(self.feed, port, sink, "in")
        # A message would fill the whole waterfall.
        self.msg_connect(self.feed, "samples", self.rows, "pdus")
        self.connect(self.rows, self.waterfall)

    def show(self, packet: Packet | None, samples: np.ndarray | None) -> None:
        """Draw what came."""
        if samples is not None and len(samples) >= _BINS:
            self.feed.send("samples", np.nan_to_num(samples))
        if packet is not None:
            step = max(1, len(packet.symbols) // _POINTS)
            self.feed.send("symbols", packet.symbols[::step][:_POINTS])
            for port, curve in zip(("gain", "snr"), over_carriers(packet), strict=True):
                known = np.isfinite(curve)
                self.feed.send(port, self._carriers[known] + 1j * curve[known])


class Windows:
    """One window with everything. For the main thread.

    Args:
        receiver, scorer: to look into.
        title: of the window.

    `check` must have found everything.
    """

    def __init__(self, receiver: Receiver, scorer: Scorer, title: str):
        global _application
        qtgui, self._qt, sip = _load()
        if _application is None:
            _application = self._qt.QApplication([sys.argv[0]])
            _application.setQuitOnLastWindowClosed(False)
        self._scorer, self._picture, self._closed = scorer, None, False
        self._air = AirTap(receiver.demodulator)
        self._sinks = _Sinks(receiver, qtgui)
        self._window = self._qt.QWidget()
        self._window.setWindowTitle(f"percast: {title}")
        self._label = self._qt.QLabel("No picture yet.")
        self._label.setAlignment(self._qt.Qt.AlignCenter)
        self._label.setMinimumSize(320, 240)
        layout = self._qt.QGridLayout(self._window)
        layout.addWidget(self._label, 0, 0)
        self._widgets = [sip.wrapinstance(s.qwidget(), self._qt.QWidget) for s in self._sinks.sinks]
        for widget, place in zip(self._widgets, _PLACES, strict=True):
            layout.addWidget(widget, *place)
        for column in range(3):
            layout.setColumnStretch(column, 1)
        self._window.resize(1200, 700)
        self._window.show()
        self._air.look(True)
        hook(scorer, "on_scored", self._scored)
        self._sinks.start()

    def idle(self, seconds: float) -> None:
        """Show what came, and let Qt work for so long."""
        self._sinks.show(*self._air.take())
        picture, self._picture = self._picture, None
        if picture is not None:
            self._draw(picture)
        loop = self._qt.QEventLoop()
        self._qt.QTimer.singleShot(int(1000 * seconds), loop.quit)
        loop.exec_()
        if not self._closed and not self._window.isVisible():
            self._closed = True
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C: what is on its way still arrives

    def close(self) -> None:
        """Take all away. Nothing is deleted, here or at the process's end: in what order Qt and GNU
        Radio could delete what they share neither of them knows."""
        unhook(self._scorer, "on_scored", self._scored)
        self._air.look(False)
        self._sinks.stop()
        self._sinks.wait()
        self._window.close()
        _application.processEvents()
        _kept.append(self)
        process.at_once = True

    def _scored(self, rgb: np.ndarray, _original, _record: dict) -> None:
        self._picture = rgb

    def _draw(self, rgb: np.ndarray) -> None:
        height, width, _ = rgb.shape
        rgb = np.ascontiguousarray(rgb)  # which the image does not copy
        image = self._qt.QImage(rgb.data, width, height, 3 * width, self._qt.QImage.Format_RGB888)
        room = self._label.size()
        shape = self._qt.Qt.KeepAspectRatio
        self._label.setPixmap(self._qt.QPixmap.fromImage(image).scaled(room, shape))


_PLACES = ((0, 1), (0, 2), (1, 0), (1, 1), (1, 2))  # of the sinks; the picture has the first
_kept: list[Windows] = []


@contextlib.contextmanager
def windows(wanted: bool, receiver: Receiver, scorer: Scorer, title: str) -> Iterator:
    """The link's windows while it runs, where they are wanted.

    Returns:
        `Windows.idle`, for `percast.flowgraphs.run.run`; None without windows.
    """
    if not wanted:
        yield None
        return
    shown = Windows(receiver, scorer, title)
    try:
        yield shown.idle
    finally:
        shown.close()


def _load() -> tuple:
    """gr-qtgui, PyQt5's classes in one place, and sip.

    Raises:
        DeviceError: one is missing.
    """
    try:
        # It regrets on stdout that Matplotlib is missing, for sinks that are not used here.
        gr.log.set_level("error")
        from gnuradio import qtgui
        from PyQt5 import Qt, sip
    except ImportError as error:
        raise DeviceError(
            f"--qt needs GNU Radio with gr-qtgui, and PyQt5 (Debian: gnuradio brings both): {error}"
        ) from error
    finally:
        gr.log.set_level(os.environ.get("GR_CONF_LOG_LOG_LEVEL", "warn"))
    return qtgui, Qt, sip


def check(wanted: bool) -> None:
    """See whether there can be windows, where they are wanted. Qt aborts the process where there is
    no display, so another one looks.

    Raises:
        DeviceError: gr-qtgui, PyQt5 or a display is missing.
    """
    if not wanted:
        return
    _load()
    command = [sys.executable, "-c", _PROBE]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError("--qt: the display does not answer; check DISPLAY") from error
    if done.returncode:
        said = next(
            (line.strip() for line in done.stderr.splitlines() if line.strip()), "no reason"
        )
        raise DeviceError(f"--qt: no display ({said}); set DISPLAY, or use --view in a browser")
