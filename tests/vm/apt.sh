# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Package downloads through apt with a state directory and a source list of our own, so that the machine's sources
# and lists stay as they are and no root is needed.  Sourced after lib.sh.
# shellcheck disable=SC2154  # cache and die come from lib.sh
# The mirror is the machine's business: its address is read from the machine's apt configuration.

# Its own configuration file, if it names one; APT_CONFIG becomes ours in apt_open.
apt_machine_config=${APT_CONFIG:-}

# Address of the repository that the machine uses for suite $1 ("" if none).
apt_site()
{
	# shellcheck disable=SC2016  # apt expands these
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
		awk -v want="$1" '$1 == want && $2 == "main" { print $3; exit }'
}

apt_codename()
{
	# shellcheck source=/dev/null
	(. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

# apt_open NAME TYPE:SUITE...: make the private state NAME with these suites ("deb:bookworm", "deb-src:trixie",
# security suites end in -security) and point apt at it.  No contact yet.  Several scripts use one state: it is this one's
# until it ends, or opens another.
apt_open()
{
	local dir=$cache/apt/$1 code main security entry type suite site key=/usr/share/keyrings/debian-archive-keyring.gpg

	shift
	unset APT_CONFIG
	[ -z "$apt_machine_config" ] || export APT_CONFIG=$apt_machine_config
	code=$(apt_codename)
	main=$(apt_site "$code")
	security=$(apt_site "$code-security")
	# A machine without security updates: mirrors keep that archive beside the main one.
	[ -n "$security" ] || case $main in
	*/debian/)	security=${main%/}-security/ ;;
	esac
	[ -n "$main" ] || die "the machine's apt configuration names no repository for suite '$code': cannot tell which mirror to" \
		"download from (add one, or supply QEMU_SRC=, KERNEL= and KDIR=)"
	[ -f "$key" ] || die "no $key: install package debian-archive-keyring"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/state"
	exec 8>"$dir/lock"
	flock -n 8 || { say "waiting for another download with the list of packages ${dir##*/}"; flock 8; }
	: >"$dir/status"
	{
		# Proxies, certificates and retries as the machine has them, but none of its hooks and pins.
		apt-config dump | grep -E '^(Acquire::(http|https|ftp|Proxy|Retries|ForceIPv|GzipIndexes)|APT::Architecture)'
		cat <<-END
			Dir "$dir";
			Dir::State "state";
			Dir::State::lists "$dir/lists";
			Dir::State::status "$dir/status";
			Dir::Cache "cache";
			Dir::Etc "$dir";
			Dir::Etc::main "/dev/null";
			Dir::Etc::parts "/dev/null";
			Dir::Etc::sourcelist "sources.list";
			Dir::Etc::sourceparts "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
			Acquire::Languages "none";
			Acquire::Retries "3";
			APT::Sandbox::User "root";
		END
	} >"$dir/apt.conf"
	for entry; do
		type=${entry%%:*}
		suite=${entry#*:}
		case $suite in
		*-security)	site=$security ;;
		*)		site=$main ;;
		esac
		[ -z "$site" ] || echo "$type [signed-by=$key] $site $suite main"
	done >"$dir/sources.list.new"
	cmp -s "$dir/sources.list.new" "$dir/sources.list" || rm -f "$dir/updated"
	mv "$dir/sources.list.new" "$dir/sources.list"
	apt_dir=$dir
	apt_main=$main
	export APT_CONFIG=$dir/apt.conf
}

# Fetch the lists unless that was done within the last hour.
apt_update()
{
	if [ -n "$(find "$apt_dir/updated" -mmin -60 2>/dev/null)" ]; then
		return
	fi
	apt-get -q update >&2 || die "apt could not fetch the package lists (see above): is there a network?"
	touch "$apt_dir/updated"
}

# apt_file PATH SHA256 DEST: one file of the archive by its place in it, checked; quiet failure when it is not served.
apt_file()
{
	/usr/lib/apt/apt-helper -q download-file "$apt_main$1" "$3.part" "SHA256:$2" >&2 && mv "$3.part" "$3"
}
