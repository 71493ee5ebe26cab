# CPython's own tests of UDP sockets and of asyncio's datagrams, as client.
. "$(dirname "$0")/../lib.sh"
# loopback, which is plain by policy: a failure would be due to the hooks.
need python3
python3 -c 'import test.test_socket, test.test_asyncio.test_sock_lowlevel' \
    2>/dev/null || skip 'no tests of python3'
s=test.test_socket a=test.test_asyncio
# shellcheck disable=SC2086 # words
on_client timeout -k 2 50 ${CRUN:-} python3 -m unittest \
    $s.BasicUDPTest $s.UDPTimeoutTest $s.SendmsgUDPTest $s.SendmsgUDP6Test \
    $s.RecvmsgUDPTest $s.RecvmsgUDP6Test $s.RecvmsgIntoUDPTest \
    $s.RecvmsgIntoUDP6Test $s.RecvmsgRFC3542AncillaryUDP6Test \
    $s.RecvmsgIntoRFC3542AncillaryUDP6Test $s.InterruptedRecvTimeoutTest \
    $s.InterruptedSendTimeoutTest $s.NonBlockingTCPTests $s.TestSocketSharing \
    test.test_socketserver.SocketServerTest test.test_socketserver.MiscTestCase \
    test.test_logging.DatagramHandlerTest test.test_logging.SysLogHandlerTest \
    test.test_logging.IPv6SysLogHandlerTest $a.test_events \
    $a.test_sock_lowlevel $a.test_sendfile \
    >tests.log 2>&1 || fail "$(tail -n 1 tests.log | tail -c 60)"
said '^OK' tests || fail "$(tail -n 1 tests.log | tail -c 60)"
