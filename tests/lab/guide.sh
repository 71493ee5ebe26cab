# shellcheck shell=bash
# guide.sh - runs the guides of README.md and doc/guides.md exactly as printed
# there.  A guide is the first block of code behind a line <!-- guide: NAME -->;
# `laptop$ COMMAND' is run by a user of that host, `server# COMMAND' by root.
#
#	laptop ---- wifi: 20 ms, 10.1.0.0/24 ---- server
#	       \--- lte:  60 ms, 10.2.0.0/24 ---/
#
# The scenario has a /usr/local of its own, in which `make install' installs
# mpshim; each host has an /etc of its own, whose hosts(5) has laptop.example
# and server.example.

# guide_text NAME: prints the code of a guide.
guide_text() {
	awk -v mark="<!-- guide: $1 -->" '
		$0 == mark { within = 1; next }
		within && /^    / { code = 1; print substr($0, 5); next }
		within && code && /^$/ { print; next }
		code && /^[^ ]/ { exit }' \
	    "$TREE/README.md" "$TREE/doc/guides.md" >"$LAB/guide"
	[ -s "$LAB/guide" ] || fail "no page has the guide $1"
	cat "$LAB/guide"
}

# guide NAME: puts its commands into COMMANDS; each begins with host and $ or #.
guide() {
	local line

	COMMANDS=()
	while IFS= read -r line; do
		case $line in
		'') ;;
		laptop[\$#]\ * | server[\$#]\ *) COMMANDS+=("$line") ;;
		*) COMMANDS[-1]+=$'\n'$line ;;
		esac
	done < <(guide_text "$1")
	[ ${#COMMANDS[@]} -gt 0 ] || fail "no command in the guide $1"
}

# guide_words COMMAND: puts the words that run a command of a guide into WORDS.
# Root has a home without keys, so its commands use those of /etc/mpshim.
guide_words() {
	local host=${1%%[\$#]*} home=$LAB

	case $1 in
	"$host#"*) home=$LAB/root-of ;;
	esac
	WORDS=(ip netns exec "$host" sh -c "mount --bind '/run/etc/$host' /etc &&
		cd '$home/$host' && exec \"\$@\"" sh
		env -u MPSHIM_LIBDIR -u XDG_CONFIG_HOME HOME="$home/$host"
		XDG_RUNTIME_DIR="$LAB/$host/run" PATH="/usr/local/bin:$PATH"
		bash -c "${1#*[\$#] }")
}

# guide_on COMMAND: runs it to its end.
guide_on() {
	echo "+ $1"
	guide_words "$1"
	"${WORDS[@]}"
}

# guide_bg LOG COMMAND: runs it in the background; its output becomes log LOG.
guide_bg() {
	echo "+ $2"
	guide_words "$2"
	"${WORDS[@]}" >"$LAB/logs/$1" 2>&1 </dev/null &
	BG[$1]=$!
}

# Puts a stand-in for ssh into PATH, which runs commands on the server directly.
guide_ssh() {
	mkdir -p "$LAB/bin"
	# shellcheck disable=SC2016 # expanded in the server's shell
	guide_words 'server$ eval "$GUIDE_SSH"'
	cat >"$LAB/bin/ssh" <<-END
	#!/bin/bash
	# ssh [OPTION...] me@server.example [--] COMMAND...
	while [ \$# -gt 0 ]; do
		case \$1 in
		-[SoFlp]) shift 2 ;;
		-*) shift ;;
		*) break ;;
		esac
	done
	[ "\$1" = me@server.example ] || exit 255
	shift
	[ "\$1" != -- ] || shift
	echo "MOSH IP $SERVER" >&2
	export GUIDE_SSH="\$*" SSH_CONNECTION="10.1.0.2 50000 $SERVER 22"
	exec nsenter --mount=/proc/1/ns/mnt ${WORDS[*]@Q}
	END
	chmod +x "$LAB/bin/ssh"
	PATH=$LAB/bin:$PATH
}

#	laptop ---- wifi: 20 ms, 10.1.0.0/24 ---- inet ---- wan ---- server
#	       \--- lte:  60 ms, 10.2.0.0/24 ---/           10.9.0.2
guide_uplinks() {
	router inet
	link wifi laptop inet delay 10ms
	link lte laptop inet delay 30ms
	link wan inet server
	addr inet wifi 10.1.0.1/24
	addr inet lte 10.2.0.1/24
	addr inet wan 10.9.0.1/24
	addr server wan 10.9.0.2/24
	addr laptop wifi 10.1.0.2/24
	addr laptop lte 10.2.0.2/24
	ip -n laptop route add default via 10.1.0.1 dev wifi metric 100
	ip -n laptop route add default via 10.2.0.1 dev lte metric 600
	ip -n server route add default via 10.9.0.1 dev wan
	SERVER=10.9.0.2 WAY='laptop>inet'
}

guide_two_links() {
	link wifi laptop server delay 10ms
	link lte laptop server delay 30ms
	addr laptop wifi 10.1.0.2/24
	addr server wifi 10.1.0.1/24
	addr laptop lte 10.2.0.2/24
	addr server lte 10.2.0.1/24
	SERVER=10.1.0.1 WAY='laptop>server'
}

# guide_hosts [uplinks]: makes hosts and links, and installs mpshim.
guide_hosts() {
	local host

	host laptop
	host server
	"guide_${1:-two_links}"
	mount -t tmpfs tmpfs /usr/local
	make -s -C "$TREE" install B="$B" PRODUCT= PREFIX=/usr/local \
	    >"$LAB/logs/install" 2>&1 || fail "make install failed"
	for host in laptop server; do
		mkdir -p "/run/etc/$host" "$LAB/root-of/$host"
		cp -a /etc/. "/run/etc/$host" 2>/dev/null || :
		printf '%s\n' '127.0.0.1 localhost' '10.1.0.2 laptop.example' \
		    "$SERVER server.example" >"/run/etc/$host/hosts"
		rm -rf "/run/etc/$host/mpshim"
		mkdir -p "/run/etc/$host/mpshim"
	done
	guide_ssh
}

# guide_begin [uplinks]: the same, and runs the guide that makes the pair.
guide_begin() {
	local host line

	guide_hosts "$@"
	guide keys
	for line in "${COMMANDS[@]}"; do
		guide_on "$line"
	done
	for host in laptop server; do
		expect "the $host has a peer" cp \
		    "$LAB/$host/.config/mpshim/identity" \
		    "$LAB/$host/.config/mpshim/peers" "/run/etc/$host/mpshim"
	done
}

# guide_sees TEXT [#]: mpctl status, of a user (or root) on the laptop, has it.
guide_sees() {
	guide_words "laptop${2:-$} mpctl status"
	"${WORDS[@]}" | grep -q -- "$1"
}

# guide_busy LINK N: waits until the laptop has sent N packets more over a link.
guide_busy() {
	local want

	want=$(($(counter "$1" "$WAY" out) + $2))
	wait_for 20 guide_sent "$1" "$want" ||
	    fail "the laptop sends less than $2 packets over $1 in 20 s"
}

guide_sent() {
	[ "$(counter "$1" "$WAY" out)" -ge "$2" ]
}

# guide_dies LOG: the path in use dies for a while under iperf3.  At its end
# iperf3 reports the loss over TCP, so the path must be back by then.
guide_dies() {
	local lost

	guide_busy wifi 150
	set_link wifi blackhole on
	guide_busy lte 200
	set_link wifi blackhole off
	finish "$1" || fail "iperf3 failed: $(tail -n 1 "$(log "$1")")"
	lost=$(sed -n 's/.*(\(.*\)%).*receiver$/\1/p' "$(log "$1")")
	at_most lost "$lost" 2 %
}
