#!/usr/bin/env bash
# Start examples/multihost.py as N processes on this machine, with four CPU devices each:
#     examples/multihost.sh N [options of multihost.py]
# PYTHON is the interpreter (python3), PORT the coordinator's port (a free one). Needs bash 4.3 or newer, and
# the packages of the examples, from a checkout: pip install -c constraints.txt '.[examples]'
set -euo pipefail
processes=${1:?"usage: $0 N [options of multihost.py]"}
shift
script=$(dirname "${BASH_SOURCE[0]}")/multihost.py
python=${PYTHON:-python3}
port=${PORT:-$("$python" -c 'import socket; one = socket.create_server(("127.0.0.1", 0)); print(one.getsockname()[1])')}
running=()
trap 'kill "${running[@]}" 2>/dev/null || true' EXIT
for ((process = 0; process < processes; process++)); do
    "$python" "$script" --coordinator "127.0.0.1:$port" \
        --processes "$processes" --process "$process" --cpu-devices 4 "$@" &
    running+=($!)
done
# A process that fails ends the others: they would wait for it in the next step, for ever.
for _ in "${running[@]}"; do
    wait -n
done
