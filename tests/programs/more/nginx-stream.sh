# nginx proxies UDP: 150 questions a second, a new socket for each.
. "$(dirname "$0")/../lib.sh"
need nginx python3
module=/usr/lib/nginx/modules/ngx_stream_module.so
[ -e $module ] || skip "no $module"
cat >conf <<END
load_module $module;
pid $PWD/pid;
error_log stderr warn;
daemon off;
worker_processes 2;
events { worker_connections 4096; }
stream {
    server {
        listen 127.0.0.1:5300 udp reuseport;
        proxy_pass $SB:5301;
        proxy_responses 1;
        proxy_timeout 5s;
    }
}
END
cat >echo.py <<'END'
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5301))
while True:
    data, peer = s.recvfrom(2000)
    s.sendto(data, peer)
END
cat >ask.py <<'END'
import selectors, socket, time
RATE, ALL = 150, 600
waits = selectors.DefaultSelector()
began, sent, got = time.monotonic(), 0, 0
while sent < ALL or time.monotonic() < began + ALL / RATE + 3 and got < ALL:
    while sent < ALL and time.monotonic() - began > sent / RATE:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("127.0.0.1", 5300))
        s.send(b"question %d" % sent)
        waits.register(s, selectors.EVENT_READ, sent)
        sent += 1
    for key, _ in waits.select(0.005):
        got += key.fileobj.recv(2000) == b"question %d" % key.data
        waits.unregister(key.fileobj)
        key.fileobj.close()
print("answers", got)
END
server echo python3 echo.py "$S"
wait_server 5301
client_bg nginx nginx -c "$PWD/conf" -p "$PWD"
wait_client 5300
on_client timeout 20 python3 ask.py >ask.log 2>&1
n=$(sed -n 's/^answers //p' ask.log)
[ "${n:-0}" -ge "$(least 600 570)" ] || fail "${n:-0} answers of 600"
! grep -E 'alert|emerg|crit' nginx.log || fail 'nginx complains'
