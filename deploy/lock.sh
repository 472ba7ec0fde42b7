#!/bin/sh
# Print the constraints file: every package of an environment that was installed for the tests.
set -eu
python=$1
echo "# Every package that Faintline and its tests install, at the version they were tested with."
echo "# Made by \`make lock\`. torch is pinned without a build: PyPI's wheels and the CPU wheels both fit."
"$python" -m pip list --format=freeze --exclude faintline --exclude pip --exclude setuptools |
    sed 's/^\(torch==[0-9.]*\)+.*/\1/' | sort -f
