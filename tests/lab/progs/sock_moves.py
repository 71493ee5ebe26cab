"""sock_moves.py SOURCE ADDRESS PORT: says a marked text to the address every ms,
by a socket that names it each time (`each'), by one that is connected and has that
source (`once'), and by one that is connected alone (`free'), until a line comes on standard input; then 20 times more
each, and prints which of them got their own text back, and the last error."""
import select
import socket
import sys
import time

source, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
socks = {}
for name in ("each", "once", "free"):
    socks[name] = socket.socket(family, socket.SOCK_DGRAM)
    socks[name].setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if name != "free":
        socks[name].bind((source, 0))
    socks[name].setblocking(False)
for name in ("once", "free"):
    socks[name].connect((address, port))
error = {"each": "", "once": "", "free": ""}


def say(name, text):
    """Sends a text; takes in what has come."""
    try:
        if name == "each":
            socks[name].sendto(text, (address, port))
        else:
            socks[name].send(text)
    except OSError as e:
        error[name] = e.strerror
    came = False
    while True:
        try:
            came |= text in socks[name].recv(2000)
        except OSError:
            return came


print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    for which in socks:
        say(which, b"moved-marker")
for which in socks:
    got = False
    for n in range(20):
        got |= say(which, b"moved-marker")
        time.sleep(0.1)
    print(which, "answered" if got else "silent", error[which], flush=True)
