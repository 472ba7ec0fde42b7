#!/bin/sh
# Install through apt the programs that the tests use as peers, those that are missing only.
set -u
# Whatever comes of the programs, the viewer is fetched last: it needs npm.
trap 'sh "$(dirname "$0")/fetch_ohif.sh"; sh "$(dirname "$0")/fetch_dwv.sh"' EXIT
packages="dcmtk dicom3tools libpixelmed-java default-jre-headless orthanc orthanc-dicomweb chromium nodejs npm"

if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt here: tests that need $packages are skipped"
    exit 0
fi
missing=""
for package in $packages; do
    case "$package" in
        # Node.js may have come from elsewhere; Debian's packages would collide with it.
        nodejs) command -v node >/dev/null 2>&1 && continue ;;
        npm) command -v npm >/dev/null 2>&1 && continue ;;
    esac
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "neither root nor sudo: tests that need$missing are skipped"
        exit 0
    }
    sudo="sudo"
fi
echo "installing$missing"
# Services stay off: the tests start what they need themselves.
$sudo sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null' sh $missing ||
    echo "apt could not install$missing: tests that need them are skipped"
exit 0
