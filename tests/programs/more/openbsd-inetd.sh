# openbsd-inetd, which takes LD_PRELOAD away from what it starts: its line of
# inetd.conf runs the server under mprun, with the socket as descriptor 0.
. "$(dirname "$0")/../lib.sh"
need inetd python3
cat >serve.py <<'END'
import select, socket

s = socket.socket(fileno=0)
while select.select([s], [], [], 1)[0]:
    data, peer = s.recvfrom(2000)
    s.sendto(data.upper(), peer)
END
printf '#!/bin/sh\nexec %s python3 %s/serve.py 2>>%s/serve.log\n' \
    "${SRUN:-}" "$PWD" "$PWD" >serve
chmod 755 serve
proto=udp
[ "$FAMILY" = 4 ] || proto=udp6
echo "7099 dgram $proto wait root $PWD/serve serve" >inetd.conf
on_server inetd -i inetd.conf >inetd.log 2>&1 &
wait_server 7099
cat >ask.py <<'END'
import socket, sys, time

host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.settimeout(1)
good = 0
for i in range(50):
    if i == 25:
        time.sleep(1.5)  # the server ends, and inetd starts another
    s.sendto(b'question %d' % i, (host, 7099))
    try:
        good += s.recv(100) == b'QUESTION %d' % i
    except TimeoutError:
        continue
    time.sleep(0.06)
print(good)
END
good=$(client python3 ask.py "$S") || fail 'the client fails'
[ "$good" -ge "$(least 50 45)" ] || fail "$good of 50 answers"
