#!/bin/sh
# Install Faintline and what it needs into the environment of PYTHON, from the repository's root:
#
#   sh deploy/install.sh PYTHON [test] [--editable]
#
# Where there is a lock (CPython 3.11, x86-64 Linux) every file must have the hash that stands there. TORCH_INDEX
# may point at PyTorch's wheels for machines without a GPU; without them PyPI's torch is taken.
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
locked() { "$python" -m pip install --quiet --no-deps --require-hashes "$@" ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"}; }

if "$python" -c 'import platform as p, sys; sys.exit((p.python_implementation(), sys.version_info[:2], p.system(), p.machine()) != ("CPython", (3, 11), "Linux", "x86_64"))'; then
    locked --requirement requirements.lock ${tests:+--requirement requirements-test.lock}
    locked --requirement requirements-cpu.lock 2>/dev/null || locked --requirement requirements-cuda.lock
    "$python" -m pip install --quiet --no-deps --no-build-isolation $editable .
else
    echo "no lock for this Python: versions are pinned, the hashes of files are not checked"
    "$python" -m pip install --quiet --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
        $editable ".${tests:+[test]}"
fi
