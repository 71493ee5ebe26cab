# Perl's IO::Async: an echo by a socket that is served in its loop.
. "$(dirname "$0")/../lib.sh"
need perl
perl -MIO::Async::Loop -e 1 2>/dev/null || skip 'no IO::Async'
cat >server.pl <<'END'
use strict;
use IO::Async::Loop;
use IO::Async::Socket;
my $loop = IO::Async::Loop->new;
my $s = IO::Async::Socket->new(
	on_recv => sub { my ($self, $data, $from) = @_;
		$self->send(scalar reverse($data), 0, $from) });
$loop->add($s);
$s->bind(host => $ARGV[0], service => 6406, socktype => 'dgram')->get;
$loop->run;
END
cat >client.pl <<'END'
use strict;
use IO::Socket::IP;
my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 6406,
	Proto => 'udp') or die;
$SIG{ALRM} = sub { die 'no answer' };
for my $i (1 .. 100) {
	my ($data, $got) = ("$i." x (3 * $i));
	$s->send($data);
	alarm 3;
	$s->recv($got, 65536);
	$got eq reverse $data or die 'wrong';
}
END
server server perl server.pl "$S"
wait_server 6406
client perl client.pl "$S" >client.log 2>&1 || fail 'a wrong echo'
