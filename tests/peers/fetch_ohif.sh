#!/bin/sh
# Unpack OHIF's built viewer (the npm package @ohif/app) under build/ohif, where the browser tests look for it.
set -u
version=3.13.2
folder="$(dirname "$0")/../../build/ohif"

[ -f "$folder/package/dist/index.html" ] && exit 0
if ! command -v npm >/dev/null 2>&1; then
    echo "no npm: the tests that look at results in OHIF are skipped"
    exit 0
fi
echo "fetching the OHIF viewer"
mkdir -p "$folder" && cd "$folder" || exit 0
npm pack --silent "@ohif/app@$version" >/dev/null && tar xzf "ohif-app-$version.tgz" ||
    echo "npm could not fetch @ohif/app: the tests that look at results in OHIF are skipped"
rm -f "ohif-app-$version.tgz"
exit 0
