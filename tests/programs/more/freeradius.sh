# freeradius (one thread receives, others answer) and radclient.
. "$(dirname "$0")/../lib.sh"
need freeradius radclient
mkdir conf log
cat >conf/radiusd.conf <<END
prefix = /usr
logdir = $PWD/log
raddbdir = $PWD/conf
libdir = /usr/lib/freeradius
pidfile = $PWD/pid
max_requests = 1024
security {
	allow_core_dumps = no
}
thread pool {
	start_servers = 3
	max_servers = 8
}
modules {
	pap {
	}
}
client any {
	ipv${FAMILY}addr = $C
	secret = secret
}
server default {
	listen {
		type = auth
		ipv${FAMILY}addr = $S
		port = 1812
	}
	authorize {
		if (&User-Name == "anna") {
			update control {
				Cleartext-Password := "hello"
			}
		}
		pap
	}
	authenticate {
		pap
	}
}
END
server radius freeradius -f -d "$PWD/conf" -l stdout -X
wait_server 1812
wait_for 10 said 'Ready to process' radius || fail 'it is not ready'
ask() {
	echo "User-Name = anna, User-Password = $1" |
	    client radclient -x -c 20 -p 5 -t 2 -r 3 -"$FAMILY" "$SB:1812" \
	    auth secret >answer.log 2>&1
}
ask hello
n=$(grep -c 'Received Access-Accept' answer.log)
[ "$n" = 20 ] || fail "$n of 20 right passwords are accepted"
ask wrong
said 'Received Access-Reject' answer || fail 'a wrong password is accepted'
