#!/bin/sh
# Unpack dwv, a second viewer (npm, GPL-3.0: fetched as a peer, never shipped), under build/dwv.
set -u
version=0.36.4
folder="$(dirname "$0")/../../build/dwv"

[ -f "$folder/node_modules/dwv/dist/dwv.min.js" ] && exit 0
if ! command -v npm >/dev/null 2>&1; then
    echo "no npm: the test that looks at pictures in dwv is skipped"
    exit 0
fi
echo "fetching the dwv viewer"
mkdir -p "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$folder" "dwv@$version" >/dev/null ||
    echo "npm could not fetch dwv: the test that looks at pictures in it is skipped"
exit 0
