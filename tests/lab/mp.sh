# shellcheck shell=bash
# mp.sh - programs under mpshim in the lab, and Mosh with and without it.

# The build that mprun takes its parts from.
export MPSHIM_LIBDIR=${MPSHIM_LIBDIR:-$B}
declare -A KEYS=()

# keys SERVER CLIENT...: a key for each client, which has end A; the server has
# the ends B of all.
keys() {
	local server=$1 client name

	[ -x "$MPRUN" ] || fail "no $MPRUN: run make"
	[ -x "$B/mpctl" ] || fail "no $B/mpctl: run make"
	shift
	mkdir -p "$LAB/$server/.config/mpshim/keys"
	for client; do
		name=lab-$client
		(cd "$LAB/$client" && on "$client" "$B/mpctl" keygen "$name")
		install -m 600 "$LAB/$client/$name.peer.key" \
		    "$LAB/$server/.config/mpshim/keys/$name.key"
		KEYS[$client]+=" -k $name"
		KEYS[$server]+=" -k $name"
	done
}

# The words that make a command run in a host, under mpshim: WORDS.
words_mp() {
	words_on "$1"
	# shellcheck disable=SC2206
	WORDS+=("$MPRUN" ${KEYS[$1]})
}

# mp HOST COMMAND...: as `on', under mpshim.
mp() {
	words_mp "$1"
	shift
	"${WORDS[@]}" "$@"
}

# mp_bg NAME HOST COMMAND...: as `bg', under mpshim.
mp_bg() {
	local name=$1 host=$2

	shift 2
	# shellcheck disable=SC2086
	bg "$name" "$host" "$MPRUN" ${KEYS[$host]} "$@"
}

# The link that carries most octets, over 200 ms; nothing if none does.  From
# emu's counters: what mpshim believes does not matter.  That of the reference
# is none.
used_link() {
	"$EMU" -c "$LAB/emu" show >"$LAB/show1"
	sleep 0.2
	"$EMU" -c "$LAB/emu" show | awk -v before="$LAB/show1" '
		BEGIN { while (getline <before > 0) was[$1, $2] = $10 }
		{ bytes[$1] += $10 - was[$1, $2] }
		END {
			for (l in bytes)
				if (l != "clock" && bytes[l] > most) {
					most = bytes[l]
					used = l
				}
			print used
		}'
}

# carrying [BUT]: some link is used, another than BUT.
carrying() {
	local used

	used=$(used_link)
	[ -n "$used" ] && [ "$used" != "${1:-}" ]
}

# kills NAME EVERY DOWN TIMES: while background program NAME runs, the link that
# is used dies silently every EVERY seconds, and is back DOWN seconds later.
kills() {
	local begin=${EPOCHREALTIME/./} n used

	for ((n = 1; n <= $4; n++)); do
		lab_until $((begin + n * $2 * 1000000 - 250000)) "$1" || return 0
		used=$(used_link)
		expect "a link is used" [ -n "$used" ]
		set_link "$used" blackhole on
		lab_until $((begin + (n * $2 + $3) * 1000000)) "$1" || :
		set_link "$used" blackhole off
	done
}

# Waits until a time in us; false, and at once, if the program has ended.
lab_until() {
	while running "$2"; do
		[ "${EPOCHREALTIME/./}" -lt "$1" ] || return 0
		sleep 0.01
	done
	return 1
}

# --- Mosh -------------------------------------------------------------------

# mosh_keys NAME HOW ADDRESS OPTION...: Mosh from client to server with the
# options of keyecho.py; HOW is on or mp.  The report becomes log NAME.
mosh_keys() {
	local name=$1 port=60001 server client

	# Not one that our agent may hold a little longer than the program.
	[ "$2" != on ] || port=60002
	need mosh-server mosh-client python3
	"words_$2" server
	server=("${WORDS[@]}")
	"words_$2" client
	client=("${WORDS[@]}")
	python3 "$LABDIR/keyecho.py" --server "${server[*]@Q}" \
	    --client "${client[*]@Q}" --json "$LAB/$name.json" \
	    "${@:4}" "$3" "$port" >"$LAB/logs/$name" || return
	cat "$LAB/logs/$name"
}

# mosh_both ADDRESS OPTION...: Mosh under mpshim, as `mp'; then, with
# MOSH_STOCK, without it, as `stock', to compare.  Between them the scenario's
# function `restore', if it has one, undoes the events.
mosh_both() {
	mosh_keys mp mp "$@"
	[ -n "${MOSH_STOCK:-}" ] || return 0
	[ "$(type -t restore)" != function ] || restore
	mosh_keys stock on "$@" || :
}

# phase NAME FIELD N...: what keyecho.py reported of phase N, or the most of
# several; `never' is more than any.
phase() {
	local name=$1 want=$2

	shift 2
	awk -v want="$want" -v only=" $* " 'index(only, " " $2 " ") {
		for (i = 1; i < NF && $i != "what"; i += 2) {
			if ($i != want)
				continue
			v = $(i + 1)
			if (v < 0 || v == "never")
				most = "never"
			else if (most != "never" && (most == "" || v > most + 0))
				most = v
		}
	}
	END { print most }' "$LAB/logs/$name"
}

# mosh_at_most WHAT FIELD LIMIT UNIT N...: a figure of mpshim and its limit,
# and that of stock Mosh beside it.
mosh_at_most() {
	local what=$1 field=$2 limit=$3 unit=$4 stock='' v

	shift 4
	[ ! -s "$LAB/logs/stock" ] ||
	    stock=" (stock $(phase stock "$field" "$@"))"
	v=$(phase mp "$field" "$@")
	timed "$what" "$v" "$limit" "$unit" "$stock"
}
