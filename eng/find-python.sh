# Sourced by the scripts at the root: find_python prints an interpreter of 3.10 or newer, or says what to install and ends.

is_new_enough() {
    "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" && { command -v "$PYTHON"; return; }
        echo "PYTHON=$PYTHON is not Python 3.10 or newer with the module venv" >&2
        exit 1
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$name" >/dev/null 2>&1 && is_new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.10 or newer is not installed: apt-get install python3" >&2
    exit 1
}
