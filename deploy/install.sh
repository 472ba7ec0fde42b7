#!/bin/sh
# Install Faintline and what it needs into the environment of PYTHON: sh deploy/install.sh PYTHON [test] [--editable]
# Where there is a lock (CPython 3.11, x86-64 Linux) every file must have the hash that stands there. TORCH_INDEX may
# point at PyTorch's wheels for machines without a GPU.
set -eu
python=$1
shift
tests="" editable=""
for word in "$@"; do
    case "$word" in
        test) tests=yes ;;
        --editable) editable=--editable ;;
    esac
done
pip() { "$python" -m pip "$@" ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"}; }

if "$python" -c 'import platform as p, sys; sys.exit((p.python_implementation(), sys.version_info[:2], p.system(), p.machine()) != ("CPython", (3, 11), "Linux", "x86_64"))'; then
    pip install --quiet --no-deps --require-hashes --requirement requirements.lock ${tests:+--requirement requirements-test.lock}
    if ! "$python" -c 'import sys; from importlib.metadata import version; sys.exit("+cpu" not in version("torch"))'; then
        pip install --quiet --no-deps --require-hashes --requirement requirements-cuda.lock
    fi
    pip install --quiet --no-deps --no-build-isolation $editable .
else
    echo "no lock for this Python: versions are pinned, the hashes of files are not checked"
    pip install --quiet --constraint constraints.txt $editable ".${tests:+[test]}"
fi
