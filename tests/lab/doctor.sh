# shellcheck shell=bash
# doctor.sh - what mpctl doctor says.

FOUND=0

# What runs it, on the client.
DOCTOR=("$B/mpctl" doctor)

# doctor [PEER]: its output in `said', its exit in STATUS.
doctor() {
	STATUS=0
	on client "${DOCTOR[@]}" "$@" >said 2>&1 || STATUS=$?
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

# finds KIND REGEX COMMAND [PEER]: this fault or remark, it alone, and this
# command to mend it; both are extended regular expressions.
finds() {
	local kind=$1 regex=$2 command=$3 want=1

	shift 3
	[ "$kind" = fault ] || want=0
	doctor "$@"
	grep -A1 -E "^$kind: .*$regex" said >row ||
	    fail "no $kind that says \`$regex'"
	[ -z "$command" ] || grep -Eq "^ +$command$" row ||
	    fail "no command \`$command'"
	[ $STATUS = $want ] || fail "$regex: exit $STATUS"
	[ "$(grep -Ec '^(fault|remark):' said)" = 1 ] ||
	    fail "$regex: not that alone"
	FOUND=$((FOUND + 1))
}

# mends [PEER]: the command that it said makes all well.
mends() {
	local command

	command=$(sed -n '2s/^ *//p' row)
	echo "+ $command"
	on client sh -c "$command"
	well "after $command" "$@"
}
