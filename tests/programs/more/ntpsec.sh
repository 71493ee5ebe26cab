# ntpd of NTPsec: a server with a socket for each address of the host, each
# bound while SO_REUSEADDR of the wildcard's is on; a client asks it for 5 s.
. "$(dirname "$0")/../lib.sh"
need ntpd python3
printf '%s\n' "driftfile $PWD/drift" 'limit average 1000 burst 1000' \
    'refclock local stratum 5' >s.conf
server ntps ntpd -n -g -c s.conf -u root -p s.pid
wait_server 123
wait_for 10 said 'Listening on routing socket' ntps || fail 'it does not start'
if grep 'in use' ntps.log; then
	fail 'a socket was not bound'
fi
cat >ask.py <<'END'
import socket, struct, sys, time

host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.settimeout(1)
good = 0
for i in range(50):
    ask = struct.pack('>B39xQ', 4 << 3 | 3, i)  # version 4, client
    s.sendto(ask, (host, 123))
    try:
        data, peer = s.recvfrom(1000)
    except TimeoutError:
        continue
    # a server's answer, with our transmit time as its originate time
    good += len(data) == 48 and data[0] & 7 == 4 and \
        data[24:32] == ask[40:] and peer[:2] == (host, 123)
    time.sleep(0.1)
print(good)
END
good=$(client python3 ask.py "$S") || fail 'the client fails'
[ "$good" -ge "$(least 50 45)" ] || fail "$good of 50 answers"
