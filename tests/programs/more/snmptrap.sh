# snmptrapd receives traps and answers informs, from one client after the other.
. "$(dirname "$0")/../lib.sh"
need snmptrapd snmptrap snmpinform
T="udp:$S:1162"
[ "$FAMILY" = 4 ] || T="udp6:$SB:1162"
echo 'authCommunity log public' >conf
server trapd snmptrapd -f -On -Lo -C -c "$PWD/conf" -M /dev/null "$T"
wait_server 1162
for i in $(seq 10); do
	client snmpinform -v 2c -c public -t 2 -r 4 -M /dev/null "$T" '' \
	    1.3.6.1.4.1.8072.2.3.0.1 1.3.6.1.4.1.8072.2.3.2.1 s "inform-$i" \
	    >inform.log 2>&1 || fail "inform $i is not acknowledged"
	client snmptrap -v 2c -c public -M /dev/null "$T" '' \
	    1.3.6.1.4.1.8072.2.3.0.1 1.3.6.1.4.1.8072.2.3.2.1 s "trap-$i" \
	    >trap.log 2>&1
done
came() {
	[ "$(grep -cE '(trap|inform)-[0-9]+"' trapd.log)" -ge 20 ]
}
wait_for 5 came || fail "$(grep -cE '(trap|inform)-' trapd.log) of 20 came"
