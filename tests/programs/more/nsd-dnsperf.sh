# nsd (three processes with one socket) under dnsperf: thousands of queries.
. "$(dirname "$0")/../lib.sh"
need nsd dnsperf
cat >zone <<'END'
$ORIGIN example.test.
$TTL 60
@ SOA ns host 1 3600 900 86400 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.7
END
cat >nsd.conf <<END
server:
	ip-address: $S@5357
	username: ""
	zonesdir: "$PWD"
	database: ""
	pidfile: ""
	xfrdfile: ""
	zonelistfile: "$PWD/list"
	xfrdir: "$PWD"
	server-count: 2
	rrl-ratelimit: 0
remote-control:
	control-enable: no
zone:
	name: example.test
	zonefile: zone
END
server nsd nsd -d -c "$PWD/nsd.conf"
wait_server 5357
echo 'www.example.test A' >questions
client dnsperf -s "$S" -p 5357 -d questions -l 4 -Q 500 -c 4 -T 2 >perf.log 2>&1
percent=$(sed -n 's/.*Queries completed: .*(\([0-9]*\).*/\1/p' perf.log)
[ "${percent:-0}" -ge "$(least 99 80)" ] || fail "$percent % are answered"
said 'NOERROR [0-9]+ \(100' perf || fail 'wrong answers'
