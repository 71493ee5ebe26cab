# A program that begins while the agent does not answer.
#
# ask ADDRESS PORT SECONDS [block]: sends a number each 50 ms by one socket that
#	is made now; prints how many were sent and answered, when the last answer
#	came, how long the longest call took, and the errors of calls.
# serve PORT: binds, says so, waits by select(2) alone and echoes; share: with
#	SO_REUSEPORT; receive: waits by receiving.
# exec ADDRESS PORT SECONDS: connects, gets one answer, waits for a line, and
#	executes `go on' with the socket as standard input.
import errno
import os
import select
import socket
import sys
import time

role, args = sys.argv[1], sys.argv[2:]


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask(s, seconds):
    errors, asked, answered = {}, set(), set()
    began, n, last, longest, at = time.monotonic(), 0, -1.0, 0.0, 0.0
    while time.monotonic() - began < seconds:
        at = time.monotonic()
        if at - began < seconds - 1:
            n += 1
            try:
                s.send(b"only-sealed %d" % n)
                asked.add(n)
            except OSError as e:
                name = errno.errorcode[e.errno]
                errors[name] = errors.get(name, 0) + 1
        longest = max(longest, time.monotonic() - at)
        if not select.select([s], [], [], 0.05)[0]:
            continue
        try:
            answered.add(int(s.recv(100).split()[1]))
            last = time.monotonic() - began
        except OSError as e:
            name = "recv_" + errno.errorcode[e.errno]
            errors[name] = errors.get(name, 0) + 1
    print("sent", len(asked), "answered", len(answered), "strange",
          len(answered - asked), "last", round(last, 3), "longest",
          round(longest, 3), "errors",
          ",".join("%s=%d" % e for e in sorted(errors.items())) or "none",
          flush=True)


if role == "ask":
    s = socket.socket(family(args[0]), socket.SOCK_DGRAM)
    s.setblocking(len(args) > 3)
    s.connect((args[0], int(args[1])))
    ask(s, float(args[2]))
elif role in ("serve", "share", "receive"):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    if role == "share":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("::", int(args[0])))
    s.setblocking(role == "receive")
    print("bound", flush=True)
    while True:
        if role != "receive":
            select.select([s], [], [])
        try:
            data, peer = s.recvfrom(2000)
        except BlockingIOError:
            continue
        s.sendto(data, peer)
elif role == "exec":
    s = socket.socket(family(args[0]), socket.SOCK_DGRAM)
    s.connect((args[0], int(args[1])))
    s.send(b"only-sealed 0")
    s.recv(100)
    print("ready", flush=True)
    while not os.path.exists(args[3]):
        time.sleep(0.01)
    os.dup2(s.fileno(), 0)
    os.execv(sys.executable, [sys.executable, sys.argv[0], "on", args[2]])
elif role == "on":
    s = socket.socket(fileno=0)
    s.setblocking(False)
    try:
        print("connected", *s.getpeername()[:2], flush=True)
    except OSError as e:
        print(e, flush=True)
    ask(s, float(args[0]))
