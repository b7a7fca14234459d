# SPDX-License-Identifier: GPL-3.0-or-later
"""The names in `--args` that each driver reads; it passes over all others without a word.

gr-osmosdr: the documentation of its blocks (0.2.4). UHD: https://files.ettus.com/manual,
"Device Identification" and "Configuring Devices". SoapySDR: what its modules list and take.
"""

_SERVED = {"label", "nchan"}  # read by gr-osmosdr for all of its drivers

# By the name of the driver. uhd and soapy take those of UHD and SoapySDR besides.
OSMOSDR_SINKS = {
    "hackrf": {"buffers", "bias", "bias_tx", *_SERVED},
    "bladerf": {
        "tamer", "smb", "fpga", "fpga-reload", "loopback", "buffers", "buflen", "transfers",
        "stream_timeout", "metadata", "verbosity", "sampling", "xb200", "agc", "agc_mode",
        "biastee", *_SERVED,
    },
    "freesrp": {"fx3", "fpga", "loopback", *_SERVED},
    "redpitaya": {*_SERVED},
    "xtrx": {"dev", "lmsreset", "loglevel", "txdelay", "fe", "refclk", "extclk", *_SERVED},
    "uhd": {"lo_offset", "mcr", "subdev", *_SERVED},
    "soapy": {*_SERVED},
}  # fmt: skip
_RTL = {"direct_samp", "offset_tune", "bias", *_SERVED}
OSMOSDR_SOURCES = OSMOSDR_SINKS | {
    "rtl": {"rtl_xtal", "tuner_xtal", "buffers", "buflen", *_RTL},
    "rtl_tcp": {"psize", *_RTL},
    "fcd": {"device", "type", *_SERVED},
    "miri": {"buffers", *_SERVED},
    "airspy": {"bias", "linearity", "sensitivity", "pack", *_SERVED},
    "airspyhf": {"bias", *_SERVED},
    **{name: {*_SERVED} for name in ("rfspace", "netsdr", "sdr-ip", "cloudiq", "sdr-iq")},
}

# Which USRP; those and settings may have the number of a motherboard behind them.
_UHD_WHICH = {"type", "serial", "addr", "name", "product", "resource", "mgmt_addr"}
UHD = _UHD_WHICH | {
    "second_addr", "third_addr", "fourth_addr", "claimed", "vid", "pid", "fpga", "fw", "dboard",
    "master_clock_rate", "clock_source", "time_source", "sync_source", "system_ref_rate",
    "dboard_clock_rate", "ref_clk_freq", "recv_frame_size", "num_recv_frames", "recv_buff_size",
    "recv_buff_fullness", "recv_offload", "send_frame_size", "num_send_frames", "send_buff_size",
    "send_offload", "ups_per_fifo", "ups_per_sec", "spp", "skip_dram", "skip_ddc", "skip_duc",
    "skip_init", "serialize_init", "force_reinit", "init_cals", "tracking_cals", "rx_lo_source",
    "tx_lo_source", "enable_tx_dual_eth", "ignore-cal-file", "self_cal_adc_delay",
    "ext_adc_self_test", "recover_mb_eeprom", "niusrprio_rpc_port", "niusrpriorpc_port",
    "discovery_port", "rpc-port", "use_dpdk", "enable_fc", "identify", "clock_time_src",
}  # fmt: skip

# The module for HackRFs looks for the serial number only; the rest of what it lists says nothing.
SOAPY_HACKRF = {"driver", "serial", "label", "device", "part_id", "version"}
SOAPY = UHD | {
    "driver", "label", "device", "device_id", "index", "instance", "uri", "hostname", "backend",
    "media", "module", "remote", "tuner", "manufacturer", "rtl", "miri", "airspy", "bladerf",
    "lime", "xtrx", "plutosdr", "redpitaya", "part_id", "version", "cacheCalibrations",
    "oversample", "biastee", "buflen", "buffers", "asyncBuffs", "direct_samp", "loopback",
    "usb_direct", "timestamp_every", "mode", "default_input", "default_output", "digital_agc",
}  # fmt: skip
