# qperf udp_lat and udp_bw: forked servers, a socket that is connected later.
. "$(dirname "$0")/../lib.sh"
need qperf
server qperf qperf -lp 19765
sleep 0.5
client qperf -lp 19765 -ip 19766 -t 2 "$S" udp_lat >lat.log 2>&1 ||
    fail 'no latency'
said 'latency += ' lat || fail 'no latency'
client qperf -lp 19765 -ip 19766 -t 2 -m 1000 "$S" udp_bw >bw.log 2>&1 ||
    fail 'no bandwidth'
said 'recv_bw += +[1-9]' bw || fail 'nothing was received'
