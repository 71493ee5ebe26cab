# opentracker: BitTorrent's announces and scrapes over UDP, by a small client.
. "$(dirname "$0")/../lib.sh"
need opentracker python3
only_v4
python3 -c 'for i in range(30): print((bytes([i]) * 20).hex())' >known
chmod 755 .
server tracker opentracker -i "$S" -P 6881 -p 6881 -d "$PWD" -w known
wait_server 6881
cat >ask.py <<'END'
import os, socket, struct, sys

host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.connect((host, 6881))
s.settimeout(3)

def ask(action, body, connection):
    number = os.urandom(4)
    s.send(connection + struct.pack('>I', action) + number + body)
    data = s.recv(4096)
    assert data[:8] == struct.pack('>I', action) + number, data
    return data[8:]

for i in range(30):
    id = ask(0, b'', struct.pack('>Q', 0x41727101980))
    torrent = bytes([i]) * 20
    told = ask(1, torrent + b'-XX0000-%012d' % i + struct.pack('>QQQIIIiH',
        0, 0, 0, 2, 0, i, -1, 6000 + i), id)
    assert len(told) >= 12, told
    assert len(ask(2, torrent, id)) == 12
END
client python3 ask.py "$S" >ask.log 2>&1 || fail 'wrong answers'
