# ptp4l: a clock and its follower, by multicast with kernel timestamps.
. "$(dirname "$0")/../lib.sh"
need ptp4l
conf() {
	printf '[global]\ntime_stamping software\nfree_running 1\n'
	printf 'network_transport UDPv%s\n' "$FAMILY"
	printf 'uds_address %s\n' "$PWD/$1.uds"
	printf 'logSyncInterval -2\nsummary_interval 1\nlogAnnounceInterval -1\n'
	printf 'logMinDelayReqInterval -2\nclockClass %s\n%s\n' "$2" "$3"
	printf '[p1]\n'
}
conf s 100 '' >s.conf
conf c 255 'slaveOnly 1' >c.conf
server ptps ptp4l -f s.conf -m
wait_server 319
client_bg ptpc ptp4l -f c.conf -m
measured() {
	[ "$(grep -cE 'master offset|rms' ptpc.log)" -ge 1 ]
}
wait_for 25 measured || fail 'no offsets are measured'
! said 'timed out while polling for tx timestamp' ptps ||
    fail 'the clock misses transmit time stamps'
! said 'timed out while polling for tx timestamp' ptpc ||
    fail 'the follower misses transmit time stamps'
