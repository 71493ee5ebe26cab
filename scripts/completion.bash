# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# What bash completes of mprun and mpctl: options and commands, names of keys and
# of network interfaces, processes, and the program with its own completion.

# Puts the words that begin as $cur does, one a line, into COMPREPLY.
_mpshim_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# The names of the peers in a file.
_mpshim_names() {
	sed -n 's/^[[:blank:]]*\([[:alnum:]][[:alnum:]._-]*\).*/\1/p' "$@" \
	    2>/dev/null
}

# The peers of the user and of the system, or of a directory where the word is a
# path.
_mpshim_keys() {
	local name names=''

	case $cur in
	*/* | '~'*)
		for name in $(_mpshim_names "${cur%/*}/peers"); do
			names+=" ${cur%/*}/$name"
		done
		compopt -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur"
			compgen -d -S / -- "$cur")
		return ;;
	esac
	_mpshim_words "$(_mpshim_names ~/.config/mpshim/peers /etc/mpshim/peers)"
}

_mpshim_interfaces() {
	local path names=''

	for path in /sys/class/net/*/; do
		[ ! -d "$path" ] || names+=" $(basename "$path")"
	done
	_mpshim_words "$names"
}

_mpshim_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

# The command that begins at word $1 completes itself, where it can.
_mpshim_command() {
	if [ "$COMP_CWORD" -gt "$1" ] && declare -F _command_offset >/dev/null
	then
		_command_offset "$1"
	elif [ "$COMP_CWORD" -eq "$1" ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

_mprun() {
	local cur=${COMP_WORDS[COMP_CWORD]} i option=''

	COMPREPLY=()
	# Where a value is due it is not the program; `=' is a word of its own.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case $option:${COMP_WORDS[i]} in
		?*:=) ;;
		?*:*) option='' ;;
		:-k | :--key | :--peer | :--plain | :--interface | \
		    :--no-interface | :--config | :--spin | :--events)
			option=${COMP_WORDS[i]} ;;
		:--)
			_mpshim_command $((i + 1))
			return ;;
		:-*) ;;
		*)
			_mpshim_command "$i"
			return ;;
		esac
	done
	[ "$cur" != = ] || cur=''
	case $option:$cur in
	-k:* | --key:*) _mpshim_keys ;;
	--interface:* | --no-interface:*) _mpshim_interfaces ;;
	--events:*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	--peer:* | --plain:* | --spin:*) ;;
	--config:*) _mpshim_files ;;
	:-*) _mpshim_words '-k --key --peer --plain --accept-plain --prefer
		--require --interface --no-interface --config --spin
		--events -v --verbose -h --help --version' ;;
	*) _mpshim_command "$COMP_CWORD" ;;
	esac
}

# What the sed(1) script $1 makes of each line of the status.
_mpshim_status() {
	_mpshim_words "$(mpctl status 2>/dev/null | sed -n "$1")"
}

_mpctl() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	local before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_mpshim_words 'pair unpair identity add-peer remove-peer status
			metrics watch drain events doctor ping check-config
			check-program -h --help -V --version'
		return
	fi
	# `=' is a word of its own, between an option and its value.
	if [ "$cur" = = ]; then
		cur=''
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case ${COMP_WORDS[1]}:$before in
	check-config:-f | check-config:--file)
		_mpshim_files
		return ;;
	events:-p | events:--port)
		_mpshim_status 's/^port \([0-9]*\).*/\1/p'
		return ;;
	esac
	case ${COMP_WORDS[1]}:$cur in
	ping:-*) _mpshim_words '--count --json --help' ;;
	doctor:-*) _mpshim_words '--json --help' ;;
	check-config:-*) _mpshim_words '--file --help' ;;
	status:-*) _mpshim_words '--short --json --key --at --sort --from --most --help' ;;
	metrics:-*) _mpshim_words '--output --help' ;;
	drain:-*) _mpshim_words '--undo --help' ;;
	events:-*) _mpshim_words '--text --no-samples --port --key --help' ;;
	pair:-*) _mpshim_words '--as --ssh --replace --help' ;;
	unpair:-*) _mpshim_words '--ssh --help' ;;
	identity:-*) _mpshim_words '--system --help' ;;
	remove-peer:-*) _mpshim_words '--system --help' ;;
	add-peer:-*) _mpshim_words '--replace --system --help' ;;
	*:-*) _mpshim_words --help ;;
	unpair:* | remove-peer:*) _mpshim_keys ;;
	pair:*) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
	status:* | watch:*)
		_mpshim_status 's/.*, process \([0-9]*\):.*/\1/p' ;;
	check-program:*)
		[ "$COMP_CWORD" -ne 2 ] || _mpshim_command 2 ;;
	esac
}

complete -F _mprun mprun
complete -F _mpctl mpctl
