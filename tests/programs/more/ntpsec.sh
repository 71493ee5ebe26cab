# ntpd (a socket for each address of the host) and ntpdig, ntpq.
. "$(dirname "$0")/../lib.sh"
need ntpd ntpdig ntpq
ntpd --version 2>&1 | grep -q ntpsec || skip 'no ntpsec'
cat >conf <<END
server 127.127.1.0
fudge 127.127.1.0 stratum 5
driftfile $PWD/drift
restrict default
END
server ntpd ntpd -n -g -c conf -p "$PWD/pid"
wait_server 123
synchronized() {
	client ntpdig -t 3 "$S" >dig.log 2>&1 &&
	    grep -q 'no-leap' dig.log
}
wait_for 25 synchronized || fail 'no answer to ntpdig'
client ntpq -n -c rv "$S" >ntpq.log 2>&1
said 'stratum=6' ntpq || fail 'no answer to ntpq'
