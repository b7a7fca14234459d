#!/usr/bin/env bash
# setup.sh VENV: GNU Radio from the system's packages, everything else into a virtual environment
# of the system's Python (GNU Radio is built for that one).
set -euo pipefail
venv=${1:?setup.sh VENV}
python=/usr/bin/python3
packages=(gnuradio python3-venv python3-pip)

usable() {
  "$python" -c 'import sys, gnuradio, pmt, ensurepip; sys.exit(sys.version_info < (3, 11))' \
    2>/dev/null
}

if ! usable; then
  if ! command -v apt-get >/dev/null; then
    echo "percast: install GNU Radio 3.10 for a system Python of 3.11 or later (Debian 12: apt install ${packages[*]}), then run make again" >&2
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    echo "percast: run once as root: apt-get install --no-install-recommends ${packages[*]}; then run make again" >&2
    exit 1
  fi
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
  usable || {
    echo "percast: $python still cannot load GNU Radio; Debian 12 and Ubuntu 24.04 have a version that fits" >&2
    exit 1
  }
fi

# An earlier set-up may have been cut off half-way.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
  "$python" -m venv --clear --system-site-packages "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[demo]'

# LPIPS is not needed to send pictures: without network the link reports it as null.
"$venv/bin/percast" eval fetch-weights || true

# Compiles the modem once, so that its first start does not wait for that.
"$venv/bin/python" -m percast.blocks.waveform.kernels || true
