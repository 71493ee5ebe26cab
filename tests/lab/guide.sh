# shellcheck shell=bash
# guide.sh - runs the guides of README.md and doc/guides.md exactly as they are
# printed.  A guide is the first block of code after a line <!-- guide: NAME -->;
# `laptop$ COMMAND' is for any user of that host, `server# COMMAND' for its root.
#
#	laptop ---- wifi: 20 ms, 10.1.0.0/24 ---- server
#	       \--- lte:  60 ms, 10.2.0.0/24 ---/
#
# mpshim is installed by `make install' in a /usr/local of the scenario's own;
# each host has an /etc of its own, in which laptop.example and server.example
# have addresses.

# guide_text NAME: the code of a guide.
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

# guide NAME: its commands, one each in COMMANDS, which begin with host and $
# or #.
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

# The words that run a guide's command, or one like it: WORDS.  Root's home has
# no keys: it uses /etc/mpshim/keys.
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

# guide_on COMMAND: to its end.
guide_on() {
	echo "+ $1"
	guide_words "$1"
	"${WORDS[@]}"
}

# guide_bg LOG COMMAND: in the background, with its output in a log.
guide_bg() {
	echo "+ $2"
	guide_words "$2"
	"${WORDS[@]}" >"$LAB/logs/$1" 2>&1 </dev/null &
	BG[$1]=$!
}

# A stand-in for ssh: to the server, without a way there.
guide_ssh() {
	mkdir -p "$LAB/bin"
	# shellcheck disable=SC2016 # not here
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

# guide_begin [uplinks]: hosts, links, installation, and the guide that copies the
# key.
guide_begin() {
	local host line

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
		mkdir -p "/run/etc/$host/mpshim/keys"
	done
	guide_ssh
	guide keys
	for line in "${COMMANDS[@]}"; do
		guide_on "$line"
	done
	for host in laptop server; do
		expect "the key is on the $host" cp \
		    "$LAB/$host/.config/mpshim/keys/home.key" \
		    "/run/etc/$host/mpshim/keys/home.key"
	done
	[ ! -e "$LAB/laptop/home.peer.key" ] || fail "the other half is left"
}

# guide_sees TEXT: mpctl status on the laptop shows it.
guide_sees() {
	guide_words "laptop${2:-$} mpctl status"
	"${WORDS[@]}" | grep -q -- "$1"
}

# guide_busy LINK N: the laptop sends N packets more over a link.
guide_busy() {
	local want

	want=$(($(counter "$1" "$WAY" out) + $2))
	wait_for 20 guide_sent "$1" "$want" || fail "$1 is not used"
}

guide_sent() {
	[ "$(counter "$1" "$WAY" out)" -ge "$2" ]
}

# guide_dies LOG: the path in use dies for a while under iperf3, which tells at
# the end by TCP, of that path, what was lost.
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
