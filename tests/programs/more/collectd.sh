# collectd sends values to another collectd, which writes them to a file.
. "$(dirname "$0")/../lib.sh"
need collectd
mkdir s c
cat >s.conf <<END
BaseDir "$PWD/s"
PIDFile "$PWD/s/pid"
Interval 1
LoadPlugin network
LoadPlugin csv
<Plugin network>
	Listen "$S" "25826"
</Plugin>
<Plugin csv>
	DataDir "$PWD/s/csv"
</Plugin>
END
cat >c.conf <<END
Hostname "sender"
BaseDir "$PWD/c"
PIDFile "$PWD/c/pid"
Interval 0.2
LoadPlugin network
LoadPlugin load
LoadPlugin memory
<Plugin network>
	Server "$S" "25826"
</Plugin>
END
server collectd collectd -f -C "$PWD/s.conf"
wait_server 25826
client_bg sender collectd -f -C "$PWD/c.conf"
came() {
	[ "$(cat s/csv/sender/load/load-* | wc -l)" -gt 5 ]
}
wait_for 20 came || fail 'no values came'
