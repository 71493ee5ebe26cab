# ptp4l: a follower asks a clock by unicast.  Its sockets are bound to p1, and
# its event messages have kernel timestamps.
. "$(dirname "$0")/../lib.sh"
need ptp4l
conf() {
	printf '[global]\ntime_stamping software\nfree_running 1\n'
	printf 'network_transport UDPv%s\n' "$FAMILY"
	printf 'uds_address %s\n' "$PWD/$1.uds"
	printf 'logSyncInterval -3\nsummary_interval 0\nlogAnnounceInterval -1\n'
	printf 'logMinDelayReqInterval -3\nclockClass %s\n%s\n' "$2" "$3"
	printf 'unicast_req_duration 30\n'
}
{
	conf s 100 'inhibit_multicast_service 1'
	printf '[p1]\nunicast_listen 1\n'
} >s.conf
{
	conf c 255 'slaveOnly 1'
	printf '[unicast_master_table]\ntable_id 1\nlogQueryInterval 0\n'
	printf 'UDPv%s %s\n[p1]\nunicast_master_table 1\n' "$FAMILY" "$S"
} >c.conf
server ptps ptp4l -f s.conf -m
wait_server 319
client_bg ptpc ptp4l -f c.conf -m
measured() {
	[ "$(grep -cE 'master offset|rms' ptpc.log)" -ge 8 ]
}
wait_for 40 measured || fail 'no offsets are measured'
! said 'timed out while polling for tx timestamp' ptps ||
    fail 'the clock misses transmit time stamps'
! said 'timed out while polling for tx timestamp' ptpc ||
    fail 'the follower misses transmit time stamps'
