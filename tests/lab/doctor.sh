# shellcheck shell=bash
# doctor.sh - what mpctl doctor says.

# doctor [PEER]: on the client; output in `said', its exit in STATUS.
doctor() {
	STATUS=0
	on client "$B/mpctl" doctor "$@" >said 2>&1 || STATUS=$?
	cat said
}

# well WHAT [PEER]: nothing is found.
well() {
	local what=$1

	shift
	doctor "$@"
	[ $STATUS = 0 ] || fail "$what: exit $STATUS"
	! grep -Eq '^(fault|remark)' said || fail "$what: something is found"
	expect "$what: all is well" grep -q '^all is well$' said
}

# finds WHAT REGEX COMMAND [PEER]: this fault, and this command to mend it (an
# extended regular expression); WHAT is a fault, or a remark where it begins so.
finds() {
	local what=$1 regex=$2 command=$3 kind=fault want=1

	shift 3
	case $what in remark*) kind=remark want=0 ;; esac
	doctor "$@"
	grep -A1 -E "^$kind: .*$regex" said >row ||
	    fail "$what: no $kind that says \`$regex'"
	[ -z "$command" ] || grep -Eq "^ +$command" row ||
	    fail "$what: no command \`$command'"
	[ $STATUS = $want ] || fail "$what: exit $STATUS"
	[ "$(grep -Ec '^(fault|remark):' said)" = 1 ] ||
	    fail "$what: not that alone"
	figure "$what" found
}
