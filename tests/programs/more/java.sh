# Java: DatagramSocket with timeouts, and DatagramChannel with a Selector.
. "$(dirname "$0")/../lib.sh"
need java
cat >Server.java <<'END'
import java.net.*;
import java.nio.*;
import java.nio.channels.*;

class Server {
	public static void main(String[] arg) throws Exception {
		var channel = DatagramChannel.open();
		channel.bind(new InetSocketAddress(arg[0], 6404));
		channel.configureBlocking(false);
		var selector = Selector.open();
		channel.register(selector, SelectionKey.OP_READ);
		var buffer = ByteBuffer.allocate(65536);
		for (;;) {
			selector.select();
			selector.selectedKeys().clear();
			for (;;) {
				buffer.clear();
				var from = channel.receive(buffer);
				if (from == null)
					break;
				buffer.flip();
				channel.send(buffer, from);
			}
		}
	}
}
END
cat >Client.java <<'END'
import java.net.*;
import java.util.*;

class Client {
	public static void main(String[] arg) throws Exception {
		var there = InetAddress.getByName(arg[0]);
		var s = new DatagramSocket();
		s.setSoTimeout(3000);
		for (int i = 0; i < 200; i++) {
			if (i == 100)
				s.connect(there, 6404);
			byte[] data = (i + ".").repeat(1 + i).getBytes();
			s.send(new DatagramPacket(data, data.length, there,
			    6404));
			var p = new DatagramPacket(new byte[65536], 65536);
			s.receive(p);
			if (!Arrays.equals(data, Arrays.copyOf(p.getData(),
			    p.getLength())) || p.getPort() != 6404 ||
			    !p.getAddress().equals(there))
				System.exit(1);
		}
	}
}
END
java --version >version.log 2>&1 || skip 'no java that runs'
server server java Server.java "$S"
wait_for 20 has_port "$SERVER_NS" 6404 || fail 'no server'
client java Client.java "$S" >client.log 2>&1 || fail 'a wrong echo'
