# Ruby's UDPSocket: recvfrom_nonblock with IO.select, and recvmsg.
. "$(dirname "$0")/../lib.sh"
need ruby
cat >server.rb <<'END'
require 'socket'
Socket.udp_server_loop(ARGV[0], 6402) { |data, from| from.reply data.reverse }
END
cat >client.rb <<'END'
require 'socket'
s = UDPSocket.new(ARGV[0].include?(':') ? Socket::AF_INET6 : Socket::AF_INET)
s.connect(ARGV[0], 6402)
100.times do |i|
  data = "#{i}." * (1 + i * 3)
  s.send(data, 0)
  IO.select([s], nil, nil, 3) or abort 'no answer'
  got = i.odd? ? s.recvmsg[0] : s.recvfrom_nonblock(65535)[0]
  got == data.reverse or abort 'wrong'
end
END
server server ruby server.rb "$S"
wait_server 6402
client ruby client.rb "$S" >client.log 2>&1 || fail 'a wrong echo'
