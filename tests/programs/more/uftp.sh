# uftpd receives a file from uftp over unicast UDP.
. "$(dirname "$0")/../lib.sh"
need uftpd uftp
only_v4
mkdir into tmp
head -c 300000 /dev/urandom >data
server uftpd uftpd -d -D "$PWD/into" -T "$PWD/tmp" -I p1 -p 1045 -M 230.4.4.1
wait_server 1045
client uftp -M "$S" -P "$S" -I p1 -p 1045 -R 2000 data >uftp.log 2>&1 ||
    fail 'uftp does not succeed'
cmp -s data into/data || fail 'the file is not the same'
