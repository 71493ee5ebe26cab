# carbon-c-relay: metrics by UDP to its sockets of both families on one port,
# which it writes to a file.
. "$(dirname "$0")/../lib.sh"
need carbon-c-relay python3
cat >relay.conf <<END
cluster out file metrics;
match * send to out stop;
listen type linemode 2003 proto udp;
END
server relay carbon-c-relay -f relay.conf -p 2003 -w 1
wait_server 2003
cat >feed.py <<'END'
import socket, sys, time

host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                  socket.SOCK_DGRAM)
for i in range(200):
    s.sendto(b'some.metric.n%d %d 1700000000\n' % (i, i), (host, 2003))
    time.sleep(0.03)
END
client python3 feed.py "$S" || fail 'the client cannot send'
written() {
	[ "$(grep -c '^some.metric.n' metrics)" -ge "$(least 200 150)" ]
}
wait_for 10 written || fail "$(grep -c '^some.metric.n' metrics) of 200"
