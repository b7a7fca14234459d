# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command would do with a radio, without the radio."""

from percast.blocks.waveform.formats.leakage import emission
from percast.blocks.waveform.profile import Profile
from percast.flowgraphs.radios.config import RadioConfig
from percast.flowgraphs.radios.frontend import check_gain
from percast.flowgraphs.radios.hackrf_board import board_stages, board_total, check_limits
from percast.flowgraphs.radios.safety.naming import fields, hackrf_named

# Upper edge in Hz and the least and most dBm at the antenna port at full gain:
# https://hackrf.readthedocs.io/en/latest/faq.html, "what is the transmit power of HackRF?"
_HACKRF_DBM = (
    (1e6, None),
    (2170e6, (5, 15)),
    (2740e6, (13, 15)),
    (4000e6, (0, 5)),
    (6000e6, (-10, 0)),
)


def plan(
    config: RadioConfig, profile: Profile, transmit: bool, tx_level: float | None = None
) -> dict:
    """Frequencies in Hz, levels in dB; None for what is not known.

    Args:
        config: checked by `check_flags`.
        profile: with the sample rate that will be asked for, and the kind of packet that will be
            sent.
        transmit: the direction.
        tx_level: mean power of a packet's payload, dB relative to full scale.

    Raises:
        UsageError: a gain or frequency that a HackRF does not have; other radios are asked when
            they are open.
    """
    if config.hardware and hackrf_named(config) is not None:
        check_limits(freq=config.freq, samp_rate=profile.samp_rate, bandwidth=config.bandwidth)
        if config.gain is not None:
            check_gain(config.gain, board_stages(transmit), board_total(transmit))
    half = profile.occupied_bandwidth / 2
    band = (config.freq - half, config.freq + half) if config.freq else (None, None)
    told = {
        "device": config.device,
        "args": config.args,
        "direction": "transmit" if transmit else "receive",
        "freq": config.freq,
        "samp_rate": profile.samp_rate,
        "occupied_bandwidth_hz": profile.occupied_bandwidth,
        "lower_edge_hz": band[0],
        "upper_edge_hz": band[1],
        "asked": config.asked(),
    }
    if transmit:
        strongest = None if tx_level is None else tx_level + profile.kind.boost_db
        gain = "the lowest" if config.gain is None else config.gain
        spectrum = emission(profile)
        told |= {
            "header": profile.header,
            "occupied_bandwidth_99_hz": spectrum.occupied_99_hz,
            "adjacent_channel_db": spectrum.adjacent_db,
            "far_leakage_db": spectrum.leakage_db,
            "stream": "bursts" if config.bursts else "continuous, with zeros between packets",
            "gain": gain if config.hardware else None,
            "tx_level_dbfs": tx_level,
            "strongest_dbfs": strongest,  # preamble and header, or all that is sent
            "eirp": eirp_note(config, strongest),
        }
    return told


def eirp_note(config: RadioConfig, level: float | None) -> str | None:
    """What is published of a radio's power, in words; None where nothing is radiated.

    Args:
        config: the radio.
        level: mean power of a packet's strongest part, dB relative to full scale.
    """
    if not config.hardware:
        return None
    if hackrf_named(config) is None:
        usrp = "a USRP B200/B210 gives more than 10 dBm at full gain; antenna gain comes on top"
        if fields(config.args).get("type") == "b200":
            return usrp
        known = f"; {usrp}" if config.device == "uhd" else "; antenna gain comes on top"
        return f"unknown: see the radio's data sheet, or measure it{known}"
    dbm = next((d for edge, d in _HACKRF_DBM if config.freq < edge), None)
    if dbm is None:
        return "unknown: HackRF's makers give no power here"
    low, high = dbm
    stages = config.gain if isinstance(config.gain, dict) else {"VGA": config.gain or 0}
    stages = {"VGA": 0, "AMP": 0} | {name.upper(): gain for name, gain in stages.items()}
    less = 47 - stages["VGA"] + 14 - stages["AMP"] - (level or 0)
    this = f"some {less:g} dB less" if less > 0 else "as much"  # its converter clips beyond that
    return (
        f"a HackRF gives at most {low} to {high} dBm here (full scale, VGA=47,AMP=14), and at this "
        f"gain and level {this}; antenna gain comes on top"
    )
