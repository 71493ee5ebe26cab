# memcached -U: values are set and got, the largest in several datagrams.
. "$(dirname "$0")/../lib.sh"
need memcached python3
server memcached memcached -u root -U 11211 -p 0 -l "$S" -t 4
wait_server 11211
cat >ask.py <<'END'
import socket, struct, sys

host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.connect((host, 11211))
s.settimeout(3)

def ask(number, text):
    s.send(struct.pack('>HHHH', number, 0, 1, 0) + text)
    parts = {}
    while True:
        data = s.recv(65535)
        of, i, n, _ = struct.unpack('>HHHH', data[:8])
        if of != number:
            continue
        parts[i] = data[8:]
        if len(parts) == n:
            return b''.join(parts[i] for i in range(n))

for i in range(100):
    value = b'%d' % i * (1 + i % 200)
    assert ask(2 * i, b'set k%d 0 0 %d\r\n%s\r\n' % (i, len(value), value)) \
        == b'STORED\r\n'
    assert value in ask(2 * i + 1, b'get k%d\r\n' % i)
large = b'0123456789' * 800
assert ask(998, b'set large 0 0 8000\r\n%s\r\n' % large) == b'STORED\r\n'
for i in range(20):
    assert large in ask(1000 + i, b'get large\r\n')
END
client python3 ask.py "$S" >ask.log 2>&1 || fail 'wrong answers'
