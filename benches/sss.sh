#!/bin/sh
# Gets pam_sss and sssd for the benchmark `check`, and takes the packages apart: installing them would change the machine's PAM files.
set -eu
cd "$(dirname "$0")/.."
into=$PWD/target/host-programs/sss
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
# What would be installed here, which is what the machine does not have yet.
wanted=$(apt-get install --simulate --no-install-recommends sssd-common libpam-sss | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
(cd "$work" && apt-get download -qq -o APT::Sandbox::User=root $wanted)
rm -rf "$into"
mkdir -p "$into"
for package in "$work"/*.deb; do dpkg -x "$package" "$into"; done
# Some packages still have files in /lib, which is /usr/lib.
[ ! -d "$into/lib" ] || cp -a "$into/lib/." "$into/usr/lib/"
echo "sssd $(dpkg-deb -f "$work"/sssd-common_*.deb Version) is in $into"
