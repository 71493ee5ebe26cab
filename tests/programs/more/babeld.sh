# babeld: two routers that meet by multicast from link-local addresses, and tell
# each other a route.  Link-local is plain: --plain fe80::/10.
. "$(dirname "$0")/../lib.sh"
need babeld
[ -z "${SRUN:-}" ] || SRUN="$SRUN --plain fe80::/10"
[ -z "${CRUN:-}" ] || CRUN="$CRUN --plain fe80::/10"
case $FAMILY in
4) prefix=10.99.1.0/24 ;;
6) prefix=fd99:1::/64 ;;
esac
conf() {
	printf 'protocol-port 6696\nstate-file %s\npid-file %s\n' \
	    "$PWD/$1.state" "$PWD/$1.pid"
	printf 'skip-kernel-setup true\ndefault type wired hello-interval 1 '
	printf 'update-interval 2\ninterface p1\ninterface p2\n'
	printf 'redistribute ip %s allow\nredistribute local deny\n' "$prefix"
	printf 'redistribute deny\n'
}
conf s >s.conf
conf c >c.conf
# The namespaces, and so the routes, outlive the script.
forget() {
	on_client ip -"$FAMILY" route flush proto babel
	on_server ip -"$FAMILY" route flush proto 44
}
trap forget EXIT
forget
on_server ip route add blackhole "$prefix" proto 44
sed -i "s/^redistribute ip.*/& proto 44/; s/allow proto 44/proto 44 allow/" \
    s.conf
server babels babeld -c s.conf -I '' -d 1
wait_server 6696
client_bg babelc babeld -c c.conf -I '' -d 1
learnt() {
	on_client ip -"$FAMILY" route show proto babel |
	    grep -q "^${prefix%/*}"
}
wait_for 25 learnt || fail 'the route is not learnt'
met() {
	grep -aq "Neighbour fe80.* dev p$1 reach [1-9a-f]" babelc.log
}
wait_for 15 met 1 || fail 'no neighbour by p1'
wait_for 15 met 2 || fail 'no neighbour by p2'
