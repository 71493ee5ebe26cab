# iperf3: twenty tests by UDP, one right after the other, on one server.
. "$(dirname "$0")/../lib.sh"
need iperf3 python3
server iperf3 iperf3 -s -B "$S" -p 5201
wait_for 10 said 'Server listening' iperf3 || fail 'the server does not start'
for i in $(seq 20); do
	client timeout 10 iperf3 -u -c "$S" -p 5201 -b 200k -l 200 -t 0.4 -J \
	    >"test$i.log" 2>&1 || fail "test $i: $(grep error "test$i.log")"
	python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))["end"]["sum"]
assert s["packets"] > 10 and s["lost_packets"] <= s["packets"] * \
    float(sys.argv[2]), s' "test$i.log" "$(least 0 0.9)" ||
	    fail "test $i: datagrams are lost"
done
