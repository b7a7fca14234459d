# SPDX-License-Identifier: GPL-3.0-or-later
"""Radios, one module per driver.

- `config`: what `--device` and its options say; `plan` says what they would do
- `factory`: picks the driver; `frontend`: what all drivers have in common
- `hackrf`, `uhd`, `soapy`, `osmosdr`: the drivers; `local`: recordings and ZeroMQ
- `hackrf_board`: a HackRF's gains and filters; `usrp_calls`: what gr-uhd and gr-osmosdr share
- `station`, `session`: a radio while it runs: watched, tuned, opened again when it is lost
- `explain`, `chatter`, `advice`: what drivers throw, print and count, in words that help
- `safety/`: that no transmitter goes on the air unasked, or stays there
"""
