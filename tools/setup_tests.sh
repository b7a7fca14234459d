#!/usr/bin/env bash
# setup_tests.sh VENV: what only the tests need, on top of setup.sh. Where something cannot be had
# the tests that need it are skipped and say so.
set -euo pipefail
venv=${1:?setup_tests.sh VENV}
pip_install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
# Drivers, and a C compiler for the stand-in radio underneath them.
radios=(gr-osmosdr soapysdr-module-hackrf uhd-host uhd-soapysdr gcc libc6-dev)
# The live page's.
browser=(chromium)
packages=("${radios[@]}" "${browser[@]}")

missing() {
  command -v dpkg-query >/dev/null || return 1
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || return 0
  done
  return 1
}

if missing; then
  if [ "$(id -u)" -eq 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q || true
    for group in radios browser; do # one that a system does not have takes no other with it
      declare -n wanted=$group
      apt-get install -y -q --no-install-recommends "${wanted[@]}" || true
    done
  else
    echo "percast: for the tests of radios and of the page, run once as root: apt-get install --no-install-recommends ${packages[*]}" >&2
  fi
fi

pip_install -e '.[test]'
# Drives Debian's Chromium; its own browsers are not fetched.
pip_install 'playwright>=1.40' 'pypdfium2>=4.20' || true
# These build TensorRT plans without a GPU; they exist for this processor only.
if [ "$(uname -m)" = x86_64 ]; then
  pip_install tensorrt_rtx_cu13_libs==1.7.1.116 tensorrt_rtx_cu13_bindings==1.7.1.116
fi
