# SPDX-License-Identifier: GPL-3.0-or-later
"""A tone through one of GNU Radio's radio drivers, as a process of its own.

tone.py send DRIVER RATE FREQ TONE GAIN           until it is killed
tone.py hear DRIVER RATE FREQ FILE GAIN SAMPLES   complex64 samples to a file
"""

import sys

import numpy as np
from gnuradio import analog, blocks, gr

AMPLITUDE = 0.5
SOAPY = "driver=hackrf"
UHD = "type=soapy,driver=hackrf"


def osmosdr_block(sends: bool, rate: float, freq: float, gain: float) -> gr.hier_block2:
    import osmosdr

    block = (osmosdr.sink if sends else osmosdr.source)("numchan=1 hackrf=0")
    block.set_sample_rate(rate)
    block.set_center_freq(freq)
    block.set_if_gain(gain if sends else gain / 2)
    block.set_bb_gain(gain / 2)
    return block


def soapy_block(sends: bool, rate: float, freq: float, gain: float) -> gr.hier_block2:
    from gnuradio import soapy

    block = (soapy.sink if sends else soapy.source)(SOAPY, "fc32", 1, "", "", [""], [""])
    block.set_sample_rate(0, rate)
    block.set_frequency(0, freq)
    if sends:
        block.set_gain(0, "VGA", gain)
    else:
        block.set_gain(0, "LNA", gain / 2)
        block.set_gain(0, "VGA", gain / 2)
    return block


def uhd_block(sends: bool, rate: float, freq: float, gain: float) -> gr.basic_block:
    from gnuradio import uhd

    stream = uhd.stream_args("fc32")
    block = uhd.usrp_sink(UHD, stream) if sends else uhd.usrp_source(UHD, stream)
    block.set_samp_rate(rate)
    block.set_center_freq(freq)
    if sends:
        block.set_gain(gain, "VGA", 0)
    else:
        block.set_gain(gain / 2, "LNA", 0)
        block.set_gain(gain / 2, "VGA", 0)
    return block


OPEN = {"hackrf": osmosdr_block, "soapy": soapy_block, "uhd": uhd_block}


def send(driver: str, rate: float, freq: float, tone: float, gain: float) -> None:
    top = gr.top_block()
    source = analog.sig_source_c(rate, analog.GR_COS_WAVE, tone, AMPLITUDE)
    radio = OPEN[driver](True, rate, freq, gain)
    top.connect(source, radio)
    top.run()


def hear(driver: str, rate: float, freq: float, path: str, gain: float, samples: int) -> None:
    top = gr.top_block()
    radio = OPEN[driver](False, rate, freq, gain)
    head, sink = blocks.head(gr.sizeof_gr_complex, samples), blocks.vector_sink_c()
    top.connect(radio, head, sink)
    top.run()
    np.array(sink.data(), np.complex64).tofile(path)


if __name__ == "__main__":
    role, driver, *rest = sys.argv[1:]
    if role == "send":
        send(driver, *map(float, rest))
    else:
        rate, freq, path, gain, samples = rest
        hear(driver, float(rate), float(freq), path, float(gain), int(samples))
