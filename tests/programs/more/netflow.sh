# nfcapd receives the flow records that nfreplay sends.
. "$(dirname "$0")/../lib.sh"
need nfcapd nfreplay nfdump python3
mkdir in out
cat >feed.py <<'END'
# Sends flow records of version 5 to a first nfcapd, on loopback; nfreplay sends
# them again.
import socket, struct, time

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
now = int(time.time())
for k in range(20):
    head = struct.pack('>HHIIIIBBH', 5, 30, 100000, now, 0, k * 30, 0, 0, 0)
    body = b''.join(struct.pack('>IIIHHIIIIHHBBBBHHBBH',
        0x0a000001 + i, 0x0a000101, 0, 1, 2, 10 + i, 1000 + i, 90000, 99000,
        1024 + k, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0) for i in range(30))
    s.sendto(head + body, ('127.0.0.1', 9990))
    time.sleep(0.01)
END
# stop PID: ends nfcapd and its children; it writes its file when it ends.
stop() {
	local child

	# shellcheck disable=SC2013 # words
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		stop "$child"
	done
	kill "$1" 2>/dev/null
	wait_for 5 eval "! kill -0 $1"
}
on_client nfcapd -w in -b 127.0.0.1 -p 9990 -t 600 >first.log 2>&1 &
first=$!
wait_client 9990
on_client python3 feed.py
sleep 0.5
stop "$first"
file=$(find in -name 'nfcapd.2*' | sed -n 1p)
[ -n "$file" ] || fail 'nothing to replay'
server nfcapd nfcapd -w out -b "$S" -p 9995 -t 600
second=$!
wait_server 9995
client nfreplay -r "$file" -H "$S" -p 9995 >replay.log 2>&1 || fail 'nfreplay'
sleep 1
stop "$second"
file=$(find out -name 'nfcapd.2*' | sed -n 1p)
[ -n "$file" ] || fail 'nothing was taken'
nfdump -r "$file" -q -o 'fmt:%pkt' >flows
[ "$(wc -l <flows)" = 600 ] || fail "$(wc -l <flows) of 600 flows"
