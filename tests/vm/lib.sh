# shellcheck shell=bash disable=SC2034  # variables here are for the scripts that source this
# SPDX-License-Identifier: MIT
# Functions shared by the build scripts: where things are kept, how a script says and fails, locks, content keys.
# Sourced, never run.  Nothing in this file touches the network.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${MMAPDEMO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set: set it, or MMAPDEMO_CACHE}/.cache}/mmapdemo}
mkdir -p "$cache/lock"
# Only the owner may put files where later runs take binaries from.
[ -O "$cache" ] || { echo "${0##*/}: the cache $cache belongs to somebody else: set MMAPDEMO_CACHE to a directory of your own" >&2; exit 1; }
chmod go-w "$cache"

# The distribution's Python: another one may stand first on PATH and lack the modules that the packages bring.
python=/usr/bin/python3

# A make that calls these scripts hands its job server to nobody here.
unset MAKEFLAGS MFLAGS MAKELEVEL

# Progress goes to stderr; stdout carries the one line that a script is called for.
say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# One holder of a name at a time, over all checkouts that share the cache; released when the script ends.
lock()
{
	exec 9>"$cache/lock/$1"
	flock -n 9 && return
	say "waiting for another ${0##*/} to finish"
	flock 9
}

# Sixteen hex digits over names and contents of the files named on stdin (one a line), relative to directory $1.
key_of_files()
{
	(cd "$1" && LC_ALL=C sort | tr '\n' '\0' | xargs -0r sha256sum) | sha256sum | cut -c1-16
}

# The same over a text.
key_of_text()
{
	printf '%s' "$*" | sha256sum | cut -c1-16
}

# Files of a source directory that count: no editor leftovers, no objects.
source_files()
{
	(cd "$1" && find . -type f ! -name '.*' ! -name '*~' ! -name '*.o' ! -name '*.ko' ! -name '*.mod' ! -name '*.mod.c' \
		! -name '*.pyc' ! -name Module.symvers ! -name modules.order)
}

# Keep the $2 newest entries of directory $1 that match $3: results are named after their content and would pile up.
keep_newest()
{
	# What somebody else builds at this moment stays, however old it looks.
	find "$1" -mindepth 1 -maxdepth 1 -name "${3:-*}" \( -not -name '*.new' -o -mtime +1 \) -printf '%T@ %p\n' | sort -rn |
		tail -n +"$(($2 + 1))" | cut -d' ' -f2- |
		while IFS= read -r old; do
			rm -rf -- "$old"
		done
}

# The release that modules built against headers $1 say they are for.  Not include/config/kernel.release: Debian's is
# the version that theirs is made from.
headers_release()
{
	sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$1/include/generated/utsrelease.h" 2>/dev/null | grep .
}

jobs_default()
{
	echo "${MMAPDEMO_JOBS:-$(nproc)}"
}
