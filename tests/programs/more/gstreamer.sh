# GStreamer: a file by udpsink to udpsrc, raw and in RTP.
. "$(dirname "$0")/../lib.sh"
need gst-launch-1.0
head -c 400000 /dev/urandom >data
server src gst-launch-1.0 -q udpsrc "address=$S" port=5004 ! \
    filesink location=got buffer-mode=unbuffered
wait_server 5004
client gst-launch-1.0 -q filesrc location=data blocksize=1000 ! \
    identity sleep-time=3000 ! udpsink "host=$S" port=5004 sync=false \
    >sink.log 2>&1 || fail 'udpsink'
all() {
	[ "$(stat -c %s got)" -ge "$(least 400000 300000)" ]
}
wait_for 5 all || fail "$(stat -c %s got) of 400000 bytes came"
[ "${FAILOVER:-}" ] || cmp -s data got || fail 'the file is not the same'
