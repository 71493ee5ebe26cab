# Event loops for Python: Twisted, gevent, trio, eventlet, uvloop.
. "$(dirname "$0")/../lib.sh"
need python3
cat >twisted_echo.py <<'END'
import sys
from twisted.internet import protocol, reactor
class Echo(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        self.transport.write(data, addr)
reactor.listenUDP(int(sys.argv[2]), Echo(), interface=sys.argv[1])
reactor.run()
END
cat >gevent_echo.py <<'END'
import sys
from gevent.server import DatagramServer
class Echo(DatagramServer):
    def handle(self, data, address):
        self.sendto(data, address)
Echo((sys.argv[1], int(sys.argv[2]))).serve_forever()
END
cat >trio_echo.py <<'END'
import socket, sys, trio
async def main():
    family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
    s = trio.socket.socket(family, socket.SOCK_DGRAM)
    await s.bind((sys.argv[1], int(sys.argv[2])))
    while True:
        data, peer = await s.recvfrom(65536)
        await s.sendto(data, peer)
trio.run(main)
END
cat >eventlet_echo.py <<'END'
import sys, eventlet
from eventlet.green import socket
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer)
END
cat >uvloop_echo.py <<'END'
import asyncio, sys, uvloop
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)
async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Echo,
        local_addr=(sys.argv[1], int(sys.argv[2])))
    await asyncio.sleep(60)
uvloop.install()
asyncio.run(main())
END
cat >ask.py <<'END'
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.settimeout(3)
peer = (sys.argv[1], int(sys.argv[2]))
for i in range(100):
    data = b'%d.' % i * (1 + i * 3)
    s.sendto(data, peer)
    got, sender = s.recvfrom(65536)
    assert got == data and sender[:2] == peer, (len(got), sender)
END
port=6410 tried=0
for loop in twisted gevent trio eventlet uvloop; do
	python3 -c "import $loop" 2>/dev/null || continue
	tried=$((tried + 1)) port=$((port + 1))
	server $loop python3 ${loop}_echo.py "$S" $port
	wait_server $port
	client python3 ask.py "$S" $port >ask.log 2>&1 || fail "$loop"
done
[ $tried -gt 0 ] || skip 'no such loop'
